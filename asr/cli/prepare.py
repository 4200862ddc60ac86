"""`asr prepare`: a corpus to JSON-lines manifests."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import click

from asr.cli import options, terminal
from asr.cli.outputs import make_folder
from asr.corpora import CORPORA
from asr.corpora.base import check_subset
from asr.corpora.prepare import prepare
from asr.manifest import write_manifest


@click.command(
    epilog="Example: asr prepare librispeech LibriSpeech --subset train-clean-5"
)
@click.argument("corpus", type=click.Choice(list(CORPORA)))
@click.argument("root", type=click.Path(path_type=Path), metavar="DIR")
@click.option(
    "--subset",
    "subsets",
    multiple=True,
    help="Part of the corpus, may be given again.  [default: all]",
)
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path(),
    help="Folder of the manifests.  [default: here]",
)
@options.as_json
def command(
    corpus: str, root: Path, subsets: tuple[str, ...], output: Path, as_json: bool
) -> None:
    """Check a corpus and write its manifests, SUBSET.jsonl for each part.

    Recordings that are missing, unreadable, without text or shorter than 0.1 s are
    left out and counted.
    """
    there = CORPORA[corpus].subsets(root)
    wanted = subsets or there or [""]
    for subset in wanted:
        check_subset(corpus, root, subset, there)
    make_folder(output)
    reports = {}
    with terminal.progress(len(wanted), "subsets") as advance:
        for subset in wanted:
            prepared = prepare(corpus, root, subset)
            manifest = output / f"{subset.replace('/', '-')}.jsonl"
            write_manifest(manifest, prepared.utterances)
            report = prepared.report
            reports[subset] = {
                "manifest": str(manifest),
                **dataclasses.asdict(report),
            }
            if not as_json:
                click.echo(f"{manifest}: {report.summary()}")
            advance()
    if as_json:
        click.echo(json.dumps(reports, ensure_ascii=False))
