"""`asr compare`: variants of a recipe, each with several seeds."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from asr.cli import options, terminal
from asr.cli.options import COUNT, option
from asr.config.loading import parse_yaml
from asr.errors import RecipeError, UsageError
from asr.files import recipe_path


@click.command(
    epilog="Example: asr compare digits --vary model.attention=bahdanau,luong,cho"
)
@click.argument("recipe", metavar="RECIPE")
@option(
    "--vary varied",
    str,
    "Vary a key, repeatable; all combinations are trained.",
    multiple=True,
    required=True,
    metavar="KEY=A,B,...",
)
@option("--seeds", COUNT, "Number of seeds for each variant.", default=3)
@options.overrides("Change a key of all variants.")
@option(
    "-o --output",
    options.FOLDER,
    "Folder of the results.  [default: runs/compare-RECIPE]",
)
def command(
    recipe: str,
    varied: tuple[str, ...],
    seeds: int,
    overrides: tuple[str, ...],
    output: Path | None,
) -> None:
    """Train variants of RECIPE and compare them.

    Each training has its own folder. A repeated command skips finished trainings and
    continues stopped ones. Prints a table, and writes it with plots and all figures
    beside the trainings: scores with their spread over seeds, parameters, time of a
    step, and scores by length of the source.
    """
    vary = dict(_parse(text) for text in varied)
    path = recipe_path(recipe)
    terminal.start_backend()
    from asr.training.compare import compare, table  # noqa: PLC0415 - Keras, started just now

    folder = output or Path("runs") / f"compare-{path.stem}"
    cells = compare(path, vary, seeds=seeds, output=folder, overrides=overrides)
    click.echo(table(cells), nl=False)


def _parse(text: str) -> tuple[str, list[Any]]:
    key, separator, values = text.partition("=")
    if not separator or not key.strip():
        raise UsageError(f"--vary {text}: write it as key.subkey=value,value")
    try:
        listed = parse_yaml(f"[{values}]")
    except RecipeError as error:
        raise UsageError(f"--vary {text[:200]}: {error}") from error
    if not listed:
        raise UsageError(f"--vary {text}: values are missing")
    return key.strip(), listed
