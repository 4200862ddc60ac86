"""`asr run`: preparation, training and evaluation of a recipe."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import TYPE_CHECKING

import click

import asr
from asr.cli import corpora, options, terminal
from asr.cli.options import option
from asr.config.loading import load_recipe
from asr.config.schema import STAGES
from asr.corpora.text import TEXT_CORPORA
from asr.files import data_directory
from asr.reports.run_page import REPORT, SCORES

if TYPE_CHECKING:
    from asr.config.schema import Recipe


log = logging.getLogger(__name__)


@click.command(epilog="Example: asr run librispeech/mini --download")
@click.argument("recipe", metavar="RECIPE")
@options.overrides("Change a key of the recipe, such as train.epochs=40.")
@options.run_folder
@option("--skip", click.Choice(STAGES), "Skip this stage, repeatable.", multiple=True)
@corpora.download
@corpora.no_verify
@options.as_json
def command(
    recipe: str,
    overrides: tuple[str, ...],
    output: Path | None,
    skip: tuple[str, ...],
    download: bool,
    verify: bool,
    as_json: bool,
) -> None:
    """Prepare, train and evaluate RECIPE in one folder.

    Finds the data of the recipe below the folder in the environment variable ASR_DATA,
    and scores the model on data.test. A repeated command continues a stopped run and
    skips finished stages. The folder holds the resolved recipe, the environment
    (versions, machine, git revision, seed), logs, curves, the model, scores, and
    report.html.
    """
    loaded = load_recipe(recipe, overrides)
    if download:
        _download(loaded, verify=verify)
    terminal.start_backend()
    folder = output or Path("runs") / loaded.name
    scores = asr.run(
        loaded, folder, skip=skip, tell=lambda text: click.echo(text, err=True)
    )
    if as_json:
        terminal.print_json(scores)
        return
    for name in scores:
        text = (folder / SCORES / f"{name}.txt").read_text("utf-8", "replace")
        click.echo(f"{name}\n{text}")
    click.echo(folder / REPORT)


def _download(recipe: Recipe, *, verify: bool) -> None:
    data = recipe.data
    wanted: dict[tuple[str, str], list[str]] = {}
    for source in (*data.train, *data.dev, *data.test, *data.withhold):
        wanted.setdefault((source.corpus, source.path), []).append(source.subset)
    for (corpus, path), subsets in wanted.items():
        root = data_directory() / path
        if corpus not in TEXT_CORPORA:
            corpora.fetch_missing(corpus, root, tuple(subsets), verify=verify)
        elif not root.exists():
            log.warning("%s: %s has no download address", root, corpus)
