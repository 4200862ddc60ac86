"""The folder of a training run, and the state from which it resumes exactly."""

from __future__ import annotations

import contextlib
import json
import shutil
import zipfile
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import keras
import numpy as np
import yaml

from asr.config import Recipe, from_dict, to_dict
from asr.devices import sync
from asr.errors import ModelError, OutputError, RecipeError, TrainingError
from asr.optimization import WeightAverage
from asr.pronunciation import Lexicon, read_lexicon
from asr.resources import atomic_write
from asr.text import normalizer
from asr.tokenizers import Tokenizer, read_tokenizer

RECIPE, CHECKPOINT, LOG = "recipe.yaml", "checkpoint.npz", "history.jsonl"
TRAIN, DEV, TOKENIZER, MODEL = "train.jsonl", "dev.jsonl", "tokenizer.json", "model"
LEXICON = "lexicon.txt"


@dataclass
class Progress:
    """How far a run has come.

    Attributes:
        epoch: Epoch in progress, from 0.
        batch: Batches of it that are done.
        step: Batches of the whole run that are done.
        best: Lowest dev score so far, or None.
        stale: Epochs since then.
        factor: What `plateau` multiplies the learning rate with.
        seconds: Time spent in training so far.
        logs: Figures of the epoch in progress.
        metrics: State of the metrics behind these figures.
        history: One record for each finished epoch.
        heard: Sources of what the model was trained on that it started from.
    """

    epoch: int = 0
    batch: int = 0
    step: int = 0
    best: float | None = None
    stale: int = 0
    factor: float = 1.0
    seconds: float = 0.0
    logs: dict[str, float] = field(default_factory=dict)
    metrics: list[float] = field(default_factory=list)
    history: list[dict[str, Any]] = field(default_factory=list)
    heard: list[dict[str, Any]] = field(default_factory=list)


def save_recipe(folder: Path, recipe: Recipe) -> None:
    """Write the resolved recipe of a run."""
    with atomic_write(folder / RECIPE) as file:
        yaml.safe_dump(to_dict(recipe), file, sort_keys=False, allow_unicode=True)


def load_run_recipe(folder: Path) -> Recipe:
    """Read the resolved recipe of a run.

    Raises:
        TrainingError: The folder is not one of a run.
        RecipeError: The recipe was changed into one that is not valid.
    """
    path = folder / RECIPE
    if not path.is_file():
        raise TrainingError(f"{folder}: no training run there: it has no {RECIPE}")
    try:
        tree = yaml.safe_load(path.read_text(encoding="utf-8"))
        return from_dict(Recipe, tree)
    except (yaml.YAMLError, ValueError, RecipeError) as error:
        raise RecipeError(f"{path}: {error}") from error


def load_run_lexicon(recipe: Recipe, folder: Path) -> Lexicon:
    """Read the lexicon of a run: of its recipe's, what its texts need.

    Raises:
        DataError: It is missing or damaged.
    """
    if not recipe.data.lexicon:
        return {}
    return read_lexicon(folder / LEXICON, normalizer(recipe.data.normalizer))


def load_run_tokenizer(folder: Path) -> Tokenizer:
    """Read the tokenizer of a run.

    Raises:
        TrainingError: It is missing or damaged.
    """
    path = folder / TOKENIZER
    try:
        return read_tokenizer(path)
    except ModelError as error:
        raise TrainingError(
            f"{path}: missing or damaged: {error}; train again in another folder"
        ) from error


def sweep(folder: Path) -> None:
    """Remove what a run that was killed while it wrote a file has left behind."""
    for left in folder.glob(".asr-*.tmp"):
        left.unlink(missing_ok=True)
    shutil.rmtree(folder / f"{MODEL}.new", ignore_errors=True)
    old = folder / f"{MODEL}.old"
    if old.is_dir() and not (folder / MODEL).exists():
        old.rename(folder / MODEL)  # it was killed between the two renames
    shutil.rmtree(old, ignore_errors=True)


@contextlib.contextmanager
def report_failed_writes(folder: Path) -> Iterator[None]:
    """Turn the failure to write any file of a run into advice.

    Raises:
        TrainingError: Something could not be written; the last checkpoint is untouched.
    """
    try:
        yield
    except (OutputError, OSError) as error:
        raise TrainingError(
            f"{error}; the last checkpoint is intact: make room and go on with "
            f"`asr train --resume {folder}`"
        ) from error


@contextlib.contextmanager
def replaced_folder(folder: Path) -> Iterator[Path]:
    """Give a folder to fill, which takes the place of another one when that is done.

    Args:
        folder: What it will be called; what is there stays as it is until then.

    Yields:
        A name that does not exist.
    """
    new, old = folder.with_suffix(".new"), folder.with_suffix(".old")
    shutil.rmtree(new, ignore_errors=True)
    yield new
    shutil.rmtree(old, ignore_errors=True)
    if folder.exists():
        folder.rename(old)
    new.rename(folder)
    shutil.rmtree(old, ignore_errors=True)


def lost(what: str, folder: Path, progress: Progress) -> TrainingError:
    """Return the error that says that numbers have become infinite or undefined."""
    return TrainingError(
        f"{what} not a number after batch {progress.batch} of epoch "
        f"{progress.epoch + 1}; the last checkpoint is intact: lower "
        f"train.learning_rate or train.clip_norm in {folder / RECIPE} and go on with "
        f"`asr train --resume {folder}`"
    )


def check_weights(folder: Path, model: keras.Model, progress: Progress) -> None:
    """Refuse weights that are not numbers.

    Raises:
        TrainingError: One is not.
    """
    for weight in model.trainable_variables:
        if not np.all(np.isfinite(np.asarray(weight))):
            raise lost(f"{weight.path} is", folder, progress)


def save_state(
    folder: Path, model: keras.Model, average: WeightAverage, progress: Progress
) -> None:
    """Write all that training needs to go on as if it had not stopped.

    Weights, optimiser, random state, metrics, average and position are one file, which
    takes the place of the last one only when it is complete.

    Raises:
        TrainingError: It cannot be written, or the weights are not numbers; the last
            checkpoint is untouched.
    """
    sync(model)
    check_weights(folder, model, progress)
    progress.metrics = [float(np.asarray(v)) for v in model.metrics_variables]
    arrays = {f"v{i}": np.asarray(v) for i, v in enumerate(_variables(model))}
    arrays |= {f"a{i}": value for i, value in enumerate(average.values)}
    facts = {"progress": asdict(progress), "averaged": average.count}
    arrays["facts"] = np.frombuffer(json.dumps(facts).encode(), dtype="uint8")
    with report_failed_writes(folder), atomic_write(folder / CHECKPOINT, "wb") as file:
        np.savez(file, **arrays)  # type: ignore[arg-type]  # the stub mistakes them for allow_pickle


def load_state(folder: Path, model: keras.Model, average: WeightAverage) -> Progress:
    """Put the state of the last checkpoint into the model; see `save_state`.

    Raises:
        TrainingError: The checkpoint is damaged or belongs to another model.
    """
    path = folder / CHECKPOINT
    if not path.is_file():
        return Progress()
    variables = _variables(model)
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as stored:
            arrays = {name: stored[name] for name in stored.files}
        facts = json.loads(arrays.pop("facts").tobytes())
        progress = Progress(**facts["progress"])
        values = [arrays.pop(f"v{i}") for i in range(len(variables))]
        averages = [arrays.pop(f"a{i}") for i in range(len(arrays))]
        for variable, value in zip(variables, values, strict=True):
            variable.assign(value)
        average.values, average.count = averages, facts["averaged"]
    except _UNREADABLE as error:
        raise TrainingError(
            f"{path}: damaged, or made for another model; train again in another folder"
        ) from error
    return progress


# What NumPy, zipfile and json raise on a file that was altered or cut short.
_UNREADABLE = (
    OSError,
    EOFError,
    ValueError,
    KeyError,
    TypeError,
    AttributeError,
    NotImplementedError,
    zipfile.BadZipFile,
)


def restore_metrics(model: keras.Model, progress: Progress) -> None:
    """Put the figures of the epoch in progress back into the metrics, if there are any.

    To be called after `fit` has reset them.
    """
    variables = model.metrics_variables if progress.batch else []
    # A checkpoint of another release may know other metrics: these then start afresh.
    if len(progress.metrics) == len(variables):
        for variable, value in zip(variables, progress.metrics, strict=True):
            variable.assign(value)


def _variables(model: keras.Model) -> list[Any]:
    return [*model.variables, *model.optimizer.variables]
