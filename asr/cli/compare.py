"""`asr compare`: a grid of trainings."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
import yaml

from asr.cli import options, terminal
from asr.errors import UsageError
from asr.files import recipe_path


@click.command(
    epilog="Example: asr compare digits --vary model.attention=bahdanau,luong,none"
)
@click.argument("recipe", metavar="RECIPE")
@click.option(
    "--vary",
    "varied",
    multiple=True,
    required=True,
    metavar="KEY=A,B,...",
    help="A key and its values; given again, all combinations are trained.",
)
@click.option(
    "--seeds",
    type=click.IntRange(1),
    default=3,
    show_default=True,
    help="Trainings of each variant.",
)
@options.overrides("Change a key of the recipe for all.")
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder of the grid.  [default: runs/compare- and the recipe's stem]",
)
def command(
    recipe: str,
    varied: tuple[str, ...],
    seeds: int,
    overrides: tuple[str, ...],
    output: Path | None,
) -> None:
    """Train RECIPE in several variants and compare them.

    Each training has a folder of its own; what is done is not done again, and what was
    stopped goes on. Prints a table, and writes it with plots and all figures beside the
    trainings: score with its spread over seeds, parameters, time of a step, and score
    by length of the source.
    """
    vary = dict(_parse(text) for text in varied)
    path = recipe_path(recipe)
    terminal.start_backend()
    from asr.experiments.compare import compare, table  # noqa: PLC0415 - Keras, started just now

    folder = output or Path("runs") / f"compare-{path.stem}"
    cells = compare(path, vary, seeds=seeds, output=folder, overrides=overrides)
    click.echo(table(cells), nl=False)


def _parse(text: str) -> tuple[str, list[Any]]:
    key, separator, values = text.partition("=")
    if not separator or not key.strip():
        raise UsageError(f"--vary {text}: write it as key.subkey=value,value")
    try:
        listed = yaml.safe_load(f"[{values}]")
    except (yaml.YAMLError, ValueError) as error:
        raise UsageError(f"--vary {text}: the values are not valid YAML") from error
    if not listed:
        raise UsageError(f"--vary {text}: there are no values")
    return key.strip(), listed
