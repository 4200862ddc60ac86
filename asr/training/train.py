"""Start, resume and inspect training runs."""

from __future__ import annotations

import logging
from pathlib import Path

from asr.config.parsing import differences
from asr.config.schema import Recipe
from asr.errors import RecipeError, TrainingError
from asr.files import model_path
from asr.training.collect import collect
from asr.training.dataset import lexicon_of
from asr.training.run_folder import (
    CHECKPOINT,
    LOG,
    MODEL,
    TRAIN,
    load_run_recipe,
    save_recipe,
    sweep,
)
from asr.training.setup import check_names, check_phones
from asr.training.trainer import Trainer

log = logging.getLogger(__name__)


def train(recipe: Recipe, output: Path) -> Path:
    """Train a model.

    Args:
        recipe: What to train on what.
        output: Folder of the run; must not hold one yet.

    Returns:
        The model folder, `output/model`.

    Raises:
        DataError: The data of the recipe cannot be used.
        TrainingError: Training cannot go on, or the folder holds a run.
        OutputError: The folder cannot be written.
    """
    if (output / TRAIN).exists():
        raise TrainingError(
            f"{output}: holds a run already; go on with `asr train --resume {output}` "
            "or choose another --output"
        )
    begin(recipe, output)
    return resume(output)


def begin(recipe: Recipe, output: Path) -> None:
    """Make the folder of a run and collect its data, unless that is done already.

    Raises:
        DataError: The data of the recipe cannot be used.
        ModelError: There is no such model to start from, or to guide the search.
        RecipeError: The search would use what is not trained.
        TrainingError: The folder holds a run of another recipe.
        OutputError: The folder cannot be written.
    """
    check_names(recipe)
    check_recipe(recipe, output)
    if recipe.train.start and not (output / CHECKPOINT).is_file():
        model_path(recipe.train.start)
    if recipe.decoding.language_model:
        model_path(recipe.decoding.language_model)
    if recipe.model.ctc and not recipe.train.ctc_weight:
        raise RecipeError(
            "train.ctc_weight: 0 leaves the CTC head as it is; set model.ctc to false"
        )
    check_phones(recipe)
    ctc_alone = recipe.model.ctc and recipe.train.ctc_weight == 1
    if ctc_alone and recipe.decoding.ctc_weight < 1:
        raise RecipeError(
            "train.ctc_weight: 1 leaves the decoder as it is; set decoding.ctc_weight "
            "to 1 too"
        )
    if not (output / TRAIN).is_file():
        lexicon_of(recipe)  # what is wrong with it comes before long reading
        output.mkdir(parents=True, exist_ok=True)
        save_recipe(output, recipe)
        collect(recipe, output)
    elif load_run_recipe(output) != recipe:  # in what is to be scored
        save_recipe(output, recipe)


def check_recipe(recipe: Recipe, output: Path) -> None:
    """Refuse a folder with a run of another recipe; `data.test` may differ.

    Raises:
        TrainingError: The message names the first key that differs.
    """
    if not (output / TRAIN).is_file():
        return
    for key, there, here in differences(load_run_recipe(output), recipe):
        if key != "data.test":
            raise TrainingError(
                f"{output}: holds a training of another recipe ({key} is {there} "
                f"there, {here} here); choose another --output"
            )


def resume(output: Path) -> Path:
    """Go on with the run in a folder; see `train`.

    On a CPU under TensorFlow the final weights are those of a run that never stopped,
    bit by bit. With several devices each batch is divided among them: `batch_length`
    is that of all devices together, and the gradient is the mean of those
    of the devices, each the mean over the labels of its own clips.
    """
    recipe = load_run_recipe(output)
    sweep(output)
    if not (output / TRAIN).is_file():
        collect(recipe, output)
    return Trainer(recipe, output).train()


def is_finished(output: Path) -> bool:
    """Return whether all epochs of the run in a folder are done.

    Raises:
        RecipeError: Its recipe was changed into one that is not valid.
        TrainingError: The folder is not one of a run.
    """
    log = output / LOG
    if not (log.is_file() and (output / MODEL).is_dir()):
        return False
    done = len(log.read_text(encoding="utf-8").splitlines())
    return done >= load_run_recipe(output).train.epochs
