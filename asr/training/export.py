"""Writes the results of a training: model folder and history."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from operator import itemgetter
from pathlib import Path
from typing import Any

import numpy as np

from asr.config.parsing import to_dict
from asr.files import atomic_write, replaced_folder
from asr.reports import curves
from asr.storage.keras_model import weights_of
from asr.storage.model_card import model_card
from asr.storage.model_folder import FolderConfig, write_model
from asr.training.run_folder import LOG, MODEL
from asr.training.setup import Training


@contextlib.contextmanager
def averaged_weights(training: Training) -> Iterator[None]:
    """Put the averaged weights into the model, and take them out again."""
    average = training.average.values
    weights = training.model.trainable_variables if average else []
    current = [np.asarray(weight).copy() for weight in weights]
    for weight, value in zip(weights, average, strict=True):
        weight.assign(value)
    try:
        yield
    finally:
        for weight, value in zip(weights, current, strict=True):
            weight.assign(value)


def export_model(training: Training) -> None:
    """Write the model folder of a run, in place of an older one.

    Raises:
        OutputError: It cannot be written.
    """
    recipe, task, progress = training.recipe, training.task, training.progress
    facts = {
        "name": recipe.name,
        "parameters": training.model.count_params(),
        "vocabulary": task.vocabulary,
        **task.facts(training.data.lengths),
        "epochs": progress.epoch,
        "steps": progress.step,
        "minutes": round(progress.seconds / 60, 1),
        "start": recipe.train.start,
        "sources": _sources(training),
        "scores": progress.history[-1],
    }
    config = FolderConfig(
        task=recipe.task,
        normalizer=recipe.data.normalizer,
        language=recipe.data.language,
        model=recipe.model,
        decoding=recipe.decoding,
        spellings=_spellings(training),
        words=task.target_words(it.record for it in training.data.examples),
        training=facts,
    )
    with replaced_folder(training.output / MODEL) as folder:
        write_model(
            folder,
            config,
            tokenizer=task.tokenizer.to_json(),
            weights=weights_of(training.model),
            card=model_card(facts),
        )


def _sources(training: Training) -> list[dict[str, Any]]:
    """Return the data behind the weights, those of the start model first."""
    key = itemgetter("corpus", "path", "subset")
    own = [to_dict(source) for source in training.recipe.data.train]
    keys = set(map(key, own))
    earlier = training.progress.start_sources
    return [source for source in earlier if key(source) not in keys] + own


def _spellings(training: Training) -> tuple[str, ...]:
    """Return the spellings of the training data, and those of the start model."""
    earlier = training.progress.start_spellings
    own = training.task.spellings(it.record for it in training.data.examples)
    return tuple(sorted({word.lower(): word for word in (*own, *earlier)}.values()))


def write_history(output: Path, history: list[dict[str, Any]], best: int) -> None:
    """Write the figures of all finished epochs, and their curves.

    Args:
        output: Folder of the run.
        history: A record for each epoch.
        best: Number of the best epoch.

    Raises:
        OutputError: A file cannot be written.
    """
    with atomic_write(output / LOG) as file:
        file.writelines(json.dumps(line) + "\n" for line in history)
    curves.learning_curves(history, output / "curves.png", best=best)
