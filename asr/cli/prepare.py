"""`asr prepare`: a corpus to manifests or pairs, and a tokenizer."""

from __future__ import annotations

import dataclasses
from itertools import chain
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, TypeVar

import click

from asr.cli import corpora, options, terminal
from asr.cli import progress as progress_bars
from asr.cli.options import option
from asr.cli.outputs import make_folder
from asr.corpora import CORPORA
from asr.corpora import corpus as known
from asr.corpora.base import check_subset
from asr.corpora.prepare import DAMAGED, Preparation, dropped_summary
from asr.corpora.text import TEXT_CORPORA, text_rows
from asr.data.manifest import read_manifest, write_manifest
from asr.data.pairs import write_pairs
from asr.data.text_files import DamagedRow
from asr.errors import DataError, UsageError
from asr.files import data_directory, is_file
from asr.text.normalizers import normalizer
from asr.text.tokenizers import make_tokenizer, write_tokenizer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

T = TypeVar("T")
Report = dict[str, Any]

_READ_FROM_JSON = {"jsonl", "lhotse", *TEXT_CORPORA} - {"multi30k"}


@click.command(
    epilog="Example: asr prepare librispeech --subset dev-clean --download; corpora: "
    f"{', '.join([*CORPORA, *TEXT_CORPORA])}, tfds:NAME."
)
@click.argument("corpus", type=corpora.corpus_name, metavar="CORPUS")
@click.argument("root", type=options.PATH, required=False, metavar="[DIR]")
@option(
    "--subset subsets",
    str,
    "Prepare this subset, repeatable (default for speech: all).",
    multiple=True,
)
@option("-o --output", options.FOLDER, "Write manifests to this folder.", default=".")
@option(
    "--data", options.FOLDER, "Data directory if there is no DIR.  [default: ASR_DATA]"
)
@corpora.download
@corpora.no_verify
@option(
    "--tokenizer",
    click.Choice(["characters", "unigram", "bpe"]),
    "Train tokenizer.json on the texts.",
)
@option(
    "--pieces", click.IntRange(8, 100_000), "Subwords of the tokenizer.", default=8000
)
@option(
    "--shards",
    click.IntRange(1, 99_999),
    "Pack recordings into N TFRecord files.",
    metavar="N",
)
@option(
    "--shards-to",
    str,
    "Write shards to this folder or gs:// address.  [default: --output]",
    metavar="ADDRESS",
)
@options.normalizer("plain-1", "Normalise texts for the tokenizer with this.")
@options.as_json
def command(**given: Any) -> None:
    """Check a corpus and write SUBSET.jsonl for each subset.

    DIR is the folder of the corpus. Many speech corpora have a default folder below the
    data directory, where recipes look for them, such as speech/LibriSpeech.

    For speech, writes manifests. Leaves out and counts recordings that are missing,
    unreadable, without text or shorter than 0.1 s, segments that end over 0.5 s after
    their recording, and damaged rows. With --shards, the manifest is the
    index of the shards. For texts, writes pairs of source and target; give each
    --subset. Recipes use the tokenizer with data.tokenizer_file. The corpus tfds:NAME
    comes from TensorFlow Datasets, with its data directory as DIR.
    """
    request = SimpleNamespace(**given)
    corpus = request.corpus
    if request.shards and corpus in TEXT_CORPORA:
        raise UsageError(f"--shards N packs recordings, got the texts of {corpus}")
    if request.shards_to and not request.shards:
        raise UsageError("--shards-to needs --shards N")
    root = _root(request)
    if request.download:
        corpora.fetch(corpus, root, request.subsets, verify=request.verify)
    prepare = _prepare_texts if corpus in TEXT_CORPORA else _prepare_speech
    reports, texts = prepare(request, root)
    if request.tokenizer:
        path = request.output / "tokenizer.json"
        normal = list(map(normalizer(request.normalizer), texts))
        tokenizer = make_tokenizer(normal, request.tokenizer, size=request.pieces)
        write_tokenizer(path, tokenizer)
        reports["tokenizer"] = {
            "manifest": str(path),
            "summary": f"{tokenizer.size} tokens",
            "size": tokenizer.size,
        }
    if request.as_json:
        terminal.print_json(reports)
        return
    for report in reports.values():
        click.echo(f"{report['manifest']}: {report['summary']}")


def _root(request: SimpleNamespace) -> Path:
    corpus, root, data = request.corpus, request.root, request.data
    if root and data:
        raise UsageError("--data replaces DIR; give one of them")
    folder = "" if corpus in TEXT_CORPORA else known(corpus).folder
    if not (root or folder):
        raise UsageError(f"{corpus} has no default folder; give DIR")
    return Path(root or (data or data_directory()) / "speech" / folder)


def _prepare_texts(
    request: SimpleNamespace, root: Path
) -> tuple[dict[str, Report], Iterable[str]]:
    if not request.subsets and not is_file(root):
        raise UsageError(f"{root}: name the parts, such as --subset train")
    make_folder(request.output)
    reports: dict[str, Report] = {}
    texts: list[str] = []
    for subset in request.subsets or (root.name.partition(".")[0],):
        rows = list(text_rows(request.corpus)(root, subset))
        pairs = [row for row in rows if not isinstance(row, DamagedRow)]
        damaged = [str(row) for row in rows if isinstance(row, DamagedRow)]
        if damaged and not pairs:
            raise DataError(damaged[0])
        path = request.output / f"{subset}.jsonl"
        _refuse_overwriting(path, request.corpus, root)
        write_pairs(path, pairs)
        sources = len({pair.source for pair in pairs})
        reports[subset] = {
            "manifest": str(path),
            "summary": f"{len(pairs)} pairs, {sources} distinct sources"
            + dropped_summary({DAMAGED: damaged}),
            "kept": len(pairs),
            "sources": sources,
            "dropped": {DAMAGED: damaged} if damaged else {},
        }
        texts += [text for pair in pairs for text in (pair.source, pair.text)]
    return reports, texts


def _prepare_speech(
    request: SimpleNamespace, root: Path
) -> tuple[dict[str, Report], Iterable[str]]:
    """Write manifests; return a report for each subset, and all texts."""
    corpus, output = request.corpus, request.output
    if request.shards:
        terminal.start_backend()  # TensorFlow writes shards
    present = known(corpus).subsets(root)
    subsets = request.subsets or tuple(present) or ("",)
    for subset in subsets:
        check_subset(corpus, root, subset, present)
    manifests = {x: output / f"{x.replace('/', '-')}.jsonl" for x in subsets}
    for manifest in manifests.values():
        _refuse_overwriting(manifest, corpus, root)
    make_folder(output)
    reports: dict[str, Report] = {}
    with progress_bars.progress(None, "clips") as advance:
        for subset, manifest in manifests.items():
            preparation = Preparation(corpus, root, subset)
            utterances = _counted(preparation, advance)
            if request.shards:
                from asr.data.shards import write_shards  # noqa: PLC0415 - start-up

                utterances = write_shards(
                    utterances,
                    request.shards_to or str(output),
                    manifest.stem,
                    request.shards,
                    on_unreadable=preparation.report.drop_unreadable,
                )
            write_manifest(manifest, utterances)
            reports[subset] = {
                "manifest": str(manifest),
                "summary": preparation.report.summary(),
                **dataclasses.asdict(preparation.report),
            }
    written = chain.from_iterable(map(read_manifest, manifests.values()))
    return reports, (utterance.text or "" for utterance in written)


def _refuse_overwriting(target: Path, corpus: str, root: Path) -> None:
    """Refuse to overwrite a file of the corpus."""
    if not target.exists():
        return
    in_corpus = corpus in _READ_FROM_JSON and target.parent.resolve() == root.resolve()
    if in_corpus or (root.is_file() and target.samefile(root)):
        raise UsageError(f"{target}: would replace the source; choose an --output")


def _counted(items: Iterable[T], advance: Callable[[], None]) -> Iterator[T]:
    for item in items:
        advance()
        yield item
