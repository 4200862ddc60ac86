"""The folder of a training run, and the state from which it resumes exactly."""

from __future__ import annotations

import json
import zipfile
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import keras
import numpy as np
import yaml

from asr.config import Recipe, from_dict, to_dict
from asr.errors import AsrError, OutputError, TrainingError
from asr.optimization import WeightAverage
from asr.resources import atomic_write

RECIPE, CHECKPOINT, LOG = "recipe.yaml", "checkpoint.npz", "history.jsonl"
TRAIN, DEV, TOKENIZER, MODEL = "train.jsonl", "dev.jsonl", "tokenizer.json", "model"


@dataclass
class Progress:
    """How far a run has come.

    Attributes:
        epoch: Epoch in progress, from 0.
        batch: Batches of it that are done.
        best: Lowest dev score so far, or None.
        stale: Epochs since then.
        factor: What `plateau` multiplies the learning rate with.
        seconds: Time spent in training so far.
        history: One record for each finished epoch.
    """

    epoch: int = 0
    batch: int = 0
    best: float | None = None
    stale: int = 0
    factor: float = 1.0
    seconds: float = 0.0
    history: list[dict[str, Any]] = field(default_factory=list)


def save_recipe(folder: Path, recipe: Recipe) -> None:
    """Write the resolved recipe of a run."""
    with atomic_write(folder / RECIPE) as file:
        yaml.safe_dump(to_dict(recipe), file, sort_keys=False, allow_unicode=True)


def load_run_recipe(folder: Path) -> Recipe:
    """Read the resolved recipe of a run.

    Raises:
        TrainingError: The folder is not one of a run.
    """
    path = folder / RECIPE
    if not path.is_file():
        raise TrainingError(f"{folder}: no training run there: it has no {RECIPE}")
    return from_dict(Recipe, yaml.safe_load(path.read_text(encoding="utf-8")))


def save_state(
    folder: Path, model: keras.Model, average: WeightAverage, progress: Progress
) -> None:
    """Write all that training needs to go on as if it had not stopped.

    Weights, optimiser, random state, average and position are one file, which takes
    the place of the last one only when it is complete.

    Raises:
        TrainingError: It cannot be written; the last checkpoint is untouched.
    """
    if keras.backend.backend() == "jax":
        model.jax_state_sync()
    arrays = {f"v{i}": np.asarray(v) for i, v in enumerate(_variables(model))}
    arrays |= {f"a{i}": value for i, value in enumerate(average.values)}
    facts = {"progress": asdict(progress), "averaged": average.count}
    arrays["facts"] = np.frombuffer(json.dumps(facts).encode(), dtype="uint8")
    try:
        with atomic_write(folder / CHECKPOINT, "wb") as file:
            np.savez(file, **arrays)
    except (OutputError, OSError) as error:
        raise TrainingError(
            f"{error}; the last checkpoint is intact: make room and go on with "
            f"--resume {folder}"
        ) from error


def load_state(folder: Path, model: keras.Model, average: WeightAverage) -> Progress:
    """Put the state of the last checkpoint into the model; see `save_state`.

    Raises:
        TrainingError: The checkpoint is damaged or belongs to another model.
    """
    path = folder / CHECKPOINT
    if not path.is_file():
        return Progress()
    try:
        with np.load(path, allow_pickle=False) as stored:
            arrays = {name: stored[name] for name in stored.files}
        facts = json.loads(arrays.pop("facts").tobytes())
        variables = _variables(model)
        for index, variable in enumerate(variables):
            variable.assign(arrays.pop(f"v{index}"))
        average.values = [arrays[f"a{i}"] for i in range(len(arrays))]
        average.count = facts["averaged"]
        return Progress(**facts["progress"])
    except AsrError:
        raise
    except (OSError, ValueError, KeyError, TypeError, zipfile.BadZipFile) as error:
        raise TrainingError(
            f"{path}: damaged, or made for another model; start again without --resume"
        ) from error


def _variables(model: keras.Model) -> list[Any]:
    return [*model.variables, *model.optimizer.variables]
