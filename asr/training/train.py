"""Start, resume and inspect training runs."""

from __future__ import annotations

import logging
from dataclasses import replace
from pathlib import Path

from asr.config.parsing import differences
from asr.config.schema import Recipe
from asr.errors import TrainingError
from asr.files import model_path
from asr.training.collect import collect
from asr.training.lexicon import lexicon_of
from asr.training.run_folder import (
    CHECKPOINT,
    LOG,
    MODEL,
    TRAIN,
    load_run_recipe,
    locked,
    save_recipe,
)
from asr.training.setup import build, check
from asr.training.trainer import Trainer

log = logging.getLogger(__name__)


def train(recipe: Recipe, output: Path) -> Path:
    """Train a model.

    Args:
        recipe: The recipe.
        output: Folder of the run; must not contain a run yet.

    Returns:
        The model folder, `output/model`.

    Raises:
        DataError: The data of the recipe cannot be used.
        TrainingError: Training cannot go on, or the folder contains a run.
        OutputError: The folder cannot be written.
    """
    if (output / TRAIN).exists():
        raise TrainingError(
            f"{output}: contains a run; go on with `asr train --resume {output}` "
            "or choose another --output"
        )
    check(recipe)
    with locked(output):
        begin(recipe, output)
        return resume(output)


def begin(recipe: Recipe, output: Path) -> None:
    """Create the folder of a run and collect its data, unless that is done.

    Raises:
        DataError: The data of the recipe cannot be used.
        ModelError: The start model or the language model does not exist.
        RecipeError: The recipe cannot be trained; see `setup.check`.
        TrainingError: The folder contains a run of another recipe.
        OutputError: The folder cannot be written.
    """
    check(recipe)
    check_same_recipe(recipe, output)
    if recipe.train.start and not (output / CHECKPOINT).is_file():
        model_path(recipe.train.start)
    if recipe.decoding.language_model:
        model_path(recipe.decoding.language_model)
    if not (output / TRAIN).is_file():
        lexicon_of(recipe)  # fails before the data are read, which takes long
        output.mkdir(parents=True, exist_ok=True)
        save_recipe(output, recipe)
        collect(recipe, output)
    elif load_run_recipe(output) != recipe:  # only data.test differs
        save_recipe(output, recipe)


def check_same_recipe(recipe: Recipe, output: Path) -> None:
    """Refuse a folder with a run of another recipe; `data.test` may differ.

    Raises:
        TrainingError: The message names the first key that differs.
    """
    if not (output / TRAIN).is_file():
        return
    for key, old, new in differences(load_run_recipe(output), recipe):
        if key != "data.test":
            raise TrainingError(
                f"{output}: contains a run of another recipe ({key} is {old} there, "
                f"{new} here); choose another --output"
            )


def resume(output: Path, *, epochs: int | None = None) -> Path:
    """Go on with the run in a folder; see `train`.

    Args:
        output: Folder of the run.
        epochs: New number of epochs, also for a finished run. The learning rate goes on
            as if the recipe had asked for them from the start.

    On a CPU with TensorFlow, the final weights equal those of an uninterrupted run bit
    by bit. Several devices share each batch of `batch_length`. The gradient is the mean
    of their gradients, each a mean over the labels of the device's own clips.
    """
    load_run_recipe(output)  # fails where there is no run, before anything is written
    with locked(output):
        recipe = load_run_recipe(output)
        if epochs is not None and epochs != recipe.train.epochs:
            recipe = replace(recipe, train=replace(recipe.train, epochs=epochs))
            save_recipe(output, recipe)
        if not (output / TRAIN).is_file():
            collect(recipe, output)
        return Trainer(build(recipe, output)).run()


def is_finished(output: Path) -> bool:
    """Tell whether all epochs of the run in a folder are done.

    Raises:
        RecipeError: Its recipe is not valid.
        TrainingError: The folder is not a run folder.
    """
    history = output / LOG
    if not (history.is_file() and (output / MODEL).is_dir()):
        return False
    with history.open("rb") as file:
        done = sum(1 for _ in file)
    return done >= load_run_recipe(output).train.epochs
