"""Training checkpoint: all state needed to resume exactly."""

from __future__ import annotations

import json
import zipfile
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import keras
import numpy as np

from asr.errors import TrainingError
from asr.files import atomic_write
from asr.storage.weights import UNREADABLE, check_size
from asr.training.optimizers import WeightAverage
from asr.training.run_folder import CHECKPOINT, RECIPE, report_failed_writes

_KINDS: dict[str, Any] = {
    "epoch": int,
    "batch": int,
    "step": int,
    "best": int | float | None,
    "best_epoch": int,
    "seconds": int | float,
    "logs": dict,
    "metrics": list,
    "history": list,
    "start_sources": list,
    "start_spellings": list,
}
"""Key of a stored position -> its type."""


@dataclass
class Progress:
    """Position of a run.

    Attributes:
        epoch: Epoch in progress, from 0.
        batch: Batches of it that are done.
        step: Batches of the whole run that are done.
        best: Lowest validation cost so far, or None.
        best_epoch: Number of the epoch that has it.
        seconds: Time spent in training so far.
        logs: Figures of the epoch in progress.
        metrics: State of the metrics behind these figures.
        history: One record for each finished epoch.
        start_sources: Training data of the model that training started from.
        start_spellings: Its spellings of words; the model may be gone later.
    """

    epoch: int = 0
    batch: int = 0
    step: int = 0
    best: float | None = None
    best_epoch: int = 0
    seconds: float = 0.0
    logs: dict[str, float] = field(default_factory=dict)
    metrics: list[float] = field(default_factory=list)
    history: list[dict[str, Any]] = field(default_factory=list)
    start_sources: list[dict[str, Any]] = field(default_factory=list)
    start_spellings: list[str] = field(default_factory=list)


def lost(what: str, folder: Path, progress: Progress) -> TrainingError:
    """Return the error for a number that is infinite or undefined."""
    return TrainingError(
        f"{what} not a number after batch {progress.batch} of epoch "
        f"{progress.epoch + 1}; the last checkpoint is intact: lower "
        f"train.learning_rate or train.clip_norm in {folder / RECIPE} and go on with "
        f"`asr train --resume {folder}`"
    )


def check_weights(folder: Path, model: keras.Model, progress: Progress) -> None:
    """Check that all weights are finite.

    Raises:
        TrainingError: A weight is infinite or undefined.
    """
    for weight in model.trainable_variables:
        if not np.all(np.isfinite(np.asarray(weight))):
            raise lost(f"{weight.path} is", folder, progress)


def save_state(
    folder: Path, model: keras.Model, average: WeightAverage, progress: Progress
) -> None:
    """Write the checkpoint, from which training resumes exactly.

    It is one file with weights, optimiser, random state, metrics, average and position,
    the same for any number of workers. It replaces the last one only when it is
    complete.

    Raises:
        TrainingError: It cannot be written, or a weight is not finite; the last
            checkpoint is intact.
    """
    check_weights(folder, model, progress)
    # A new epoch begins with new ones, whatever the last epoch or its scoring left.
    metrics = model.metrics_variables if progress.batch else []
    progress.metrics = [float(np.asarray(v)) for v in metrics]
    variables = [*model.variables, *model.optimizer.variables]
    arrays = {f"v{i}": np.asarray(v) for i, v in enumerate(variables)}
    arrays |= {f"a{i}": value for i, value in enumerate(average.values)}
    facts = {"progress": asdict(progress), "averaged_updates": average.updates}
    arrays["facts"] = np.frombuffer(json.dumps(facts).encode(), dtype="uint8")
    with report_failed_writes(folder), atomic_write(folder / CHECKPOINT, "wb") as file:
        np.savez(file, **arrays)  # type: ignore[arg-type]  # the stub mistakes them for allow_pickle


def load_state(folder: Path, model: keras.Model, average: WeightAverage) -> Progress:
    """Load the last checkpoint into model and average; see `save_state`.

    Without a checkpoint the position is the beginning.

    Raises:
        TrainingError: The checkpoint is damaged or belongs to another model.
    """
    path = folder / CHECKPOINT
    if not path.is_file():
        return Progress()
    variables = [*model.variables, *model.optimizer.variables]
    try:
        with zipfile.ZipFile(path) as archive:
            # Its own size: the arrays are not packed, and a model may be of any size.
            check_size(path, archive, path.stat().st_size)
        with path.open("rb") as file, np.load(file, allow_pickle=False) as stored:
            arrays = {name: stored[name] for name in stored.files}
        facts = json.loads(arrays.pop("facts").tobytes())
        progress = _progress(facts["progress"])
        values = [arrays.pop(f"v{i}") for i in range(len(variables))]
        _check_shapes(values, variables)
        averages = [arrays.pop(f"a{i}") for i in range(len(arrays))]
        if averages:
            _check_shapes(averages, model.trainable_variables)
        average.values, average.updates = averages, _averaged_updates(facts)
    except (*UNREADABLE, AttributeError, RecursionError, TypeError) as error:
        raise TrainingError(
            f"{path}: damaged, or made for another model; train again in another folder"
        ) from error
    for variable, value in zip(variables, values, strict=True):
        variable.assign(value)
    return progress


def _averaged_updates(facts: dict[str, Any]) -> int:
    """Read the position of the average; 0.1 counted samples, one in ten updates."""
    if "averaged" in facts:
        return 10 * int(facts["averaged"])
    return int(facts["averaged_updates"])


def _check_shapes(arrays: list[np.ndarray], variables: list[Any]) -> None:
    """Refuse arrays of other shapes, or of no numbers, with a ValueError."""
    for array, variable in zip(arrays, variables, strict=True):
        if array.shape != tuple(variable.shape) or array.dtype.kind not in "biuf":
            raise ValueError(f"{variable.path} has shape {tuple(variable.shape)}")


def restore_metrics(model: keras.Model, progress: Progress) -> None:
    """Set the metrics to those of the epoch in progress."""
    model.reset_metrics()
    variables = model.metrics_variables if progress.batch else []
    # A checkpoint of another release may have other metrics; then they start from 0.
    if len(progress.metrics) == len(variables):
        for variable, value in zip(variables, progress.metrics, strict=True):
            variable.assign(value)


def _progress(stored: dict[str, Any]) -> Progress:
    """Read the position; 0.1 had other keys."""
    stored.setdefault("start_sources", stored.pop("heard", []))
    for retired in ("stale", "factor"):
        stored.pop(retired, None)
    progress = Progress(**stored)
    for name, kind in _KINDS.items():
        if not isinstance(getattr(progress, name), kind):
            raise TypeError(f"{name} must be {kind}")
    for name in ("epoch", "batch", "step"):
        if getattr(progress, name) < 0:
            raise ValueError(f"{name} must not be negative")
    for record in progress.history:
        if not isinstance(record["epoch"], int):
            raise TypeError("history must have numbered records")
    return progress
