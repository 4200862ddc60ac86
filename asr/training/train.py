"""Start, resume and inspect training runs."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

from asr.config.parsing import differences
from asr.config.schema import Recipe
from asr.errors import TrainingError
from asr.files import model_path
from asr.training.cluster import Cluster
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
from asr.training.strategies import connect
from asr.training.strategy import Strategy
from asr.training.trainer import Trainer

log = logging.getLogger(__name__)


def train(recipe: Recipe, output: Path, *, cluster: Cluster | None = None) -> Path:
    """Train a model.

    Args:
        recipe: The recipe.
        output: Folder of the run; must not contain a run yet. All workers must see it.
        cluster: Workers that train together. Each calls this function, before it uses
            TensorFlow or JAX for anything else.

    Returns:
        The model folder, `output/model`.

    Raises:
        DataError: The data of the recipe cannot be used.
        TrainingError: Training cannot go on, or the folder contains a run.
        OutputError: The folder cannot be written.
    """
    first = cluster is None or cluster.rank == 0
    if first and (output / TRAIN).exists():
        raise TrainingError(
            f"{output}: contains a run; go on with `asr train --resume {output}` "
            "or choose another --output"
        )
    check(recipe)
    strategy = connect(cluster)
    with _prepared(output, strategy, lambda: begin(recipe, output)):
        return _go_on(output, strategy)


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


def resume(
    output: Path, *, epochs: int | None = None, cluster: Cluster | None = None
) -> Path:
    """Go on with the run in a folder; see `train`.

    Args:
        output: Folder of the run.
        epochs: New number of epochs, also for a finished run. The learning rate goes on
            as if the recipe had asked for them from the start.
        cluster: Workers that train together, as many as before or not.

    On a CPU with TensorFlow, the final weights equal those of an uninterrupted run bit
    by bit. Several devices or workers share each batch of `batch_length`; the order of
    the data does not depend on their number.
    """
    load_run_recipe(output)  # fails where there is no run, before anything is written
    strategy = connect(cluster)
    with _prepared(output, strategy, lambda: _change(output, epochs)):
        return _go_on(output, strategy)


def _change(output: Path, epochs: int | None) -> None:
    """Change the number of epochs of a run; collect its data unless that is done."""
    recipe = load_run_recipe(output)
    if epochs is not None and epochs != recipe.train.epochs:
        recipe = replace(recipe, train=replace(recipe.train, epochs=epochs))
        save_recipe(output, recipe)
    if not (output / TRAIN).is_file():
        collect(recipe, output)


@contextlib.contextmanager
def _prepared(
    output: Path, strategy: Strategy, prepare: Callable[[], None]
) -> Iterator[None]:
    """Lock and prepare a run folder by the worker that writes; the others wait."""
    with contextlib.ExitStack() as stack:
        stack.enter_context(strategy.failures())
        if strategy.writes:
            stack.enter_context(locked(output))
            prepare()
        strategy.wait()
        yield


def _go_on(output: Path, strategy: Strategy) -> Path:
    return Trainer(build(load_run_recipe(output), output, strategy)).run()


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
