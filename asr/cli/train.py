"""`asr train`: a recipe to a model folder."""

from __future__ import annotations

import json
from pathlib import Path

import click

import asr
from asr.cli import options, terminal
from asr.config.loading import load_recipe
from asr.config.schema import LANGUAGE_MODEL
from asr.errors import UsageError


@click.command(
    epilog="Example: asr train an4 --set train.epochs=40 --output runs/an4-long"
)
@click.argument("recipe", required=False, metavar="RECIPE")
@options.overrides("Change a key of the recipe, such as model.encoder.layers=3.")
@options.run_folder
@click.option(
    "--resume",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="DIR",
    help="Go on with the run in this folder.",
)
@click.option(
    "--estimate",
    is_flag=True,
    help="Train a few steps only; say what time, memory and disk all will need.",
)
@click.option(
    "--hours",
    type=click.FloatRange(0, 1e6, min_open=True),
    help="Speech to estimate for, where the data are not there.",
)
@options.as_json
def command(
    recipe: str | None,
    overrides: tuple[str, ...],
    output: Path | None,
    resume: Path | None,
    estimate: bool,
    hours: float | None,
    as_json: bool,
) -> None:
    """Train a model from RECIPE, a YAML file or a shipped name such as an4.

    Paths in a recipe are below the folder that the environment variable ASR_DATA
    names. A run that was stopped goes on with --resume as if it had not been. Prints
    the model's folder when done.
    """
    if (hours or as_json) and not estimate:
        raise UsageError("--hours and --json belong to --estimate")
    if resume is not None:
        if recipe or overrides or output or estimate:
            raise UsageError("--resume takes the run as it is; give nothing beside it")
        terminal.start_backend()
        click.echo(asr.resume(resume))
        return
    if estimate and output:
        raise UsageError("--estimate writes nothing; leave --output out")
    if recipe is None:
        raise UsageError("name a recipe, or a run with --resume")
    loaded = load_recipe(recipe, overrides)
    if estimate and loaded.task == LANGUAGE_MODEL:
        raise UsageError("--estimate is for networks; a language model is counted")
    terminal.start_backend()
    if estimate:
        needs = asr.estimate(loaded, hours or 0.0)
        click.echo(json.dumps(needs.to_json()) if as_json else needs.summary())
        return
    counted = loaded.task == LANGUAGE_MODEL
    train = asr.train_language_model if counted else asr.train
    click.echo(train(loaded, output or Path("runs") / loaded.name))
