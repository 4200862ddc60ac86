"""`asr train`: training from a recipe to a model folder."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

import asr
from asr.cli import options, terminal
from asr.cli.options import option
from asr.config.loading import assign, load_recipe
from asr.config.parsing import from_dict
from asr.config.schema import LANGUAGE_MODEL, TrainConfig
from asr.errors import UsageError
from asr.training.run_folder import load_run_recipe


@click.command(
    epilog="Example: asr train an4 --set train.epochs=40 --output runs/an4-long"
)
@click.argument("recipe", required=False, metavar="RECIPE")
@options.overrides("Change a key of the recipe, such as model.encoder.layers=3.")
@options.run_folder
@option("--resume", options.FOLDER, "Continue the run in this folder.", metavar="DIR")
@option("--estimate", bool, "Estimate time, memory and disk from a few steps.")
@option(
    "--hours",
    click.FloatRange(0, 1e6, min_open=True),
    "Hours of speech to estimate for.",
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

    Paths in a recipe are below the folder in the environment variable ASR_DATA.
    --resume continues a stopped run exactly; with --set train.epochs=80 also a finished
    one. Prints the model folder.
    """
    if (hours or as_json) and not estimate:
        raise UsageError("--hours and --json apply only to --estimate")
    if resume is not None:
        if recipe or output or estimate:
            raise UsageError("--resume takes the run as it is; give no other argument")
        changed = _epochs(overrides) if overrides else {}
        load_run_recipe(resume)  # refuses a folder before the backend takes memory
        terminal.start_backend()
        click.echo(asr.resume(resume, **changed))
        return
    if estimate and output:
        raise UsageError("--estimate writes nothing; leave --output out")
    if recipe is None:
        raise UsageError("give a recipe, or a run with --resume")
    loaded = load_recipe(recipe, overrides)
    language_model = loaded.task == LANGUAGE_MODEL
    if estimate and language_model:
        raise UsageError(
            "--estimate applies only to networks, not to n-gram language models"
        )
    terminal.start_backend()
    if estimate:
        needs = asr.estimate(loaded, hours or 0.0)
        terminal.print_scores(needs, as_json=as_json)
        return
    train = asr.train_language_model if language_model else asr.train
    click.echo(train(loaded, output or Path("runs") / loaded.name))


def _epochs(overrides: tuple[str, ...]) -> dict[str, int]:
    """Return the new number of epochs of a run that goes on."""
    changed: dict[str, Any] = {}
    for override in overrides:
        assign(changed, override)
    if changed.keys() != {"train"} or changed["train"].keys() != {"epochs"}:
        raise UsageError(
            "--resume takes the run as it is; only train.epochs may change"
        )
    return {"epochs": from_dict(TrainConfig, changed["train"], "train").epochs}
