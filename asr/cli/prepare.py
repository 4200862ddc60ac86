"""`asr prepare`: a corpus to JSON lines, and a tokenizer."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypedDict, Unpack

import click

from asr.cli import corpora, options, terminal
from asr.cli import progress as progress_bars
from asr.cli.outputs import make_folder
from asr.corpora import CORPORA
from asr.corpora import corpus as known
from asr.corpora.base import check_subset
from asr.corpora.prepare import Preparation
from asr.corpora.text import TEXT_CORPORA, text_corpus
from asr.data.manifest import read_manifest, write_manifest
from asr.data.pairs import write_pairs
from asr.errors import UsageError
from asr.files import data_directory
from asr.text.normalizers import normalizer
from asr.text.tokenizers import make_tokenizer, write_tokenizer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from asr.data.manifest import Utterance


_READ_FROM_JSON = {"jsonl", "lhotse", *TEXT_CORPORA} - {"multi30k"}


class _Options(TypedDict):
    data: Path | None
    download: bool
    verify: bool
    tokenizer: str | None
    pieces: int
    normalizer: str
    shards: int | None
    shards_to: str | None


@click.command(
    epilog="Example: asr prepare librispeech --subset dev-clean --download; corpora: "
    f"{', '.join([*CORPORA, *TEXT_CORPORA])}, tfds:NAME."
)
@click.argument("corpus", type=corpora.CorpusName(), metavar="CORPUS")
@click.argument(
    "root", type=click.Path(path_type=Path), required=False, metavar="[DIR]"
)
@click.option(
    "--subset",
    "subsets",
    multiple=True,
    help="Part of the corpus, may be given again.  [default: all, of speech]",
)
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path(),
    help="Folder of the manifests.  [default: here]",
)
@click.option(
    "--data",
    type=click.Path(path_type=Path, file_okay=False),
    help="Data directory, where DIR is not given.  [default: ASR_DATA, or here]",
)
@corpora.download
@corpora.no_verify
@click.option(
    "--tokenizer",
    type=click.Choice(["characters", "unigram", "bpe"]),
    help="Make tokenizer.json from the texts, which should be those of training.",
)
@click.option(
    "--pieces",
    type=click.IntRange(8, 100_000),
    default=8000,
    show_default=True,
    help="Number of its pieces.",
)
@click.option(
    "--shards",
    type=click.IntRange(1, 99_999),
    metavar="N",
    help="Pack recordings into N TFRecord files; the manifest is their index.",
)
@click.option(
    "--shards-to",
    metavar="FOLDER|ADDRESS",
    help="Where these go, such as gs://bucket/folder.  [default: beside the manifest]",
)
@options.normalizer("plain-1", "What its texts go through.")
@options.as_json
def command(
    corpus: str,
    root: Path | None,
    subsets: tuple[str, ...],
    output: Path,
    as_json: bool,
    **given: Unpack[_Options],
) -> None:
    """Check a corpus and write SUBSET.jsonl for each part.

    DIR is the corpus's folder. Corpora of speech that are usually unpacked under one
    name have a default, where recipes look below the data directory, such as
    speech/LibriSpeech.

    Of speech these are manifests: recordings that are missing, unreadable, without text
    or shorter than 0.1 s are left out and counted. Of texts they are pairs of source
    and target, and --subset names the parts. A recipe takes the tokenizer by
    data.tokenizer_file. The corpus tfds:NAME is that of TensorFlow Datasets, with its
    data directory as DIR.
    """
    count = given["shards"]
    if (given["shards_to"] and not count) or (count and corpus in TEXT_CORPORA):
        raise UsageError("--shards N packs recordings, --shards-to says where to")
    root = _root(corpus, root, given["data"])
    if given["download"]:
        corpora.fetch(corpus, root, subsets, verify=given["verify"])
    if corpus in TEXT_CORPORA:
        reports, texts = _prepare_texts(corpus, root, subsets, output)
    else:
        packing = (count, given["shards_to"] or str(output)) if count else None
        reports, texts = _prepare_speech(corpus, root, subsets, output, packing)
    if given["tokenizer"]:
        normalize = normalizer(given["normalizer"])
        path = output / "tokenizer.json"
        tokenizer = make_tokenizer(
            [normalize(text) for text in texts],
            given["tokenizer"],
            size=given["pieces"],
        )
        write_tokenizer(path, tokenizer)
        reports["tokenizer"] = {
            "manifest": str(path),
            "summary": f"{tokenizer.size} tokens",
            "size": tokenizer.size,
        }
    for report in reports.values():
        if not as_json:
            click.echo(f"{report['manifest']}: {report['summary']}")
    if as_json:
        click.echo(json.dumps(reports, ensure_ascii=False))


def _root(corpus: str, root: Path | None, data: Path | None) -> Path:
    if root is not None:
        if data is not None:
            raise UsageError("--data says where to look for DIR; give one of them")
        return root
    folder = "" if corpus in TEXT_CORPORA else known(corpus).folder
    if not folder:
        raise UsageError(f"{corpus}: may be anywhere; name its folder")
    return (data or data_directory()) / "speech" / folder


def _prepare_texts(
    corpus: str, root: Path, subsets: tuple[str, ...], output: Path
) -> tuple[dict[str, dict[str, Any]], Iterable[str]]:
    """Write pairs; return a report for each part, and all texts."""
    if not subsets and not root.is_file():
        raise UsageError(f"{root}: name the parts, such as --subset train")
    make_folder(output)
    reports: dict[str, dict[str, Any]] = {}
    texts: list[str] = []
    for subset in subsets or (root.name.partition(".")[0],):
        pairs = list(text_corpus(corpus)(root, subset))
        path = output / f"{subset}.jsonl"
        _keep_source(path, corpus, root)
        write_pairs(path, pairs)
        sources = len({pair.source for pair in pairs})
        reports[subset] = {
            "manifest": str(path),
            "summary": f"{len(pairs)} pairs, {sources} distinct sources",
            "kept": len(pairs),
            "sources": sources,
        }
        texts += [text for pair in pairs for text in (pair.source, pair.text)]
    return reports, texts


def _prepare_speech(
    corpus: str,
    root: Path,
    subsets: tuple[str, ...],
    output: Path,
    packing: tuple[int, str] | None,
) -> tuple[dict[str, dict[str, Any]], Iterable[str]]:
    """Write manifests; return a report for each part, and all texts."""
    if packing:
        terminal.start_backend()  # TensorFlow writes shards
    there = known(corpus).subsets(root)
    wanted = subsets or tuple(there) or ("",)
    for subset in wanted:
        check_subset(corpus, root, subset, there)
    manifests = {
        subset: output / f"{subset.replace('/', '-')}.jsonl" for subset in wanted
    }
    for manifest in manifests.values():
        _keep_source(manifest, corpus, root)
    make_folder(output)
    reports: dict[str, dict[str, Any]] = {}
    with progress_bars.progress(None, "clips") as advance:
        for subset, manifest in manifests.items():
            prepared = Preparation(corpus, root, subset)
            found = _counted(prepared, advance)
            if packing:
                from asr.data.shards import write_shards  # noqa: PLC0415 - start-up time

                count, folder = packing
                found = write_shards(
                    found,
                    folder,
                    manifest.stem,
                    count,
                    on_unreadable=prepared.drop_unreadable,
                )
            write_manifest(manifest, found)
            reports[subset] = {
                "manifest": str(manifest),
                "summary": prepared.report.summary(),
                **dataclasses.asdict(prepared.report),
            }
    texts = (
        utterance.text or ""
        for report in reports.values()
        for utterance in read_manifest(report["manifest"])
    )
    return reports, texts


def _keep_source(target: Path, corpus: str, root: Path) -> None:
    """Refuse to write over what is read.

    Raises:
        UsageError: The message says where else to write.
    """
    if not target.exists():
        return
    beside = corpus in _READ_FROM_JSON and target.parent.resolve() == root.resolve()
    if beside or (root.is_file() and target.samefile(root)):
        raise UsageError(f"{target}: would replace what is read; choose an --output")


def _counted(
    utterances: Iterable[Utterance], advance: Callable[[], None]
) -> Iterator[Utterance]:
    for utterance in utterances:
        advance()
        yield utterance
