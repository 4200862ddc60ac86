"""The Keras network of a task, and its weights as arrays; for training."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from asr.errors import ModelError
from asr.files import WEIGHTS
from asr.model.frontend import LogMel
from asr.model.seq2seq import Seq2Seq
from asr.model.token_embedding import TokenEmbedding
from asr.runtime.network import Network
from asr.storage.model_folder import TOKENIZER, read_config, verify
from asr.storage.weights import check_numbers, read_arrays
from asr.tasks.base import Task
from asr.text.tokenizers import read_tokenizer

_OPTIONAL = ("phones/", "decoder/gate/")  # beginnings of weights that a start may lack


def build(task: Task, **options: Any) -> Seq2Seq:
    """Build an untrained network for a task; `options` go to `Seq2Seq`."""
    frontend: LogMel | TokenEmbedding
    if task.modality == "speech":
        frontend = LogMel(task.model.frontend, name="frontend")
    else:
        frontend = TokenEmbedding(task.model.text, task.vocabulary, name="frontend")
    return Seq2Seq(task.model, task.vocabulary, frontend, **options)


def network_of(model: Seq2Seq, task: Task) -> Network:
    """Return the network with the present weights of a Keras model."""
    return Network(
        task.model,
        weights_of(model),
        vocabulary=task.vocabulary,
        text=task.modality == "text",
    )


def weights_of(model: Seq2Seq) -> dict[str, np.ndarray]:
    """Return all weights by path, such as `encoder/gru_0/forward_kernel`."""
    return {weight.path: np.asarray(weight) for weight in model.weights}


def start_from(model: Seq2Seq, task: Task, folder: Path) -> None:
    """Initialise a network with the weights of a model folder.

    Tokenizer and weight shapes must be equal. A phone head, or the gate of a decoder
    that copies, may be added or removed.

    Raises:
        ModelError: The folder is damaged, or does not match the network.
    """
    verify(folder)
    tokenizer = read_tokenizer(folder / TOKENIZER)
    if tokenizer.to_json() != task.tokenizer.to_json():
        raise ModelError(f"{folder}: {TOKENIZER} is not that of the recipe's data")
    stored, wanted = read_config(folder).model.phones, task.model.phones
    if stored and wanted and stored != wanted:
        raise ModelError(f"{folder}: model.phones are not those of the recipe")

    path = folder / WEIGHTS
    arrays = read_arrays(path)
    weights = {weight.path: weight for weight in model.weights}
    changed = tuple(_optional(arrays) ^ _optional(weights))
    arrays, weights = (
        {name: array for name, array in named.items() if not name.startswith(changed)}
        for named in (arrays, weights)
    )
    if unmatched := sorted(weights.keys() ^ arrays.keys()):
        raise ModelError(f"{path}: not of a model of this shape: {unmatched[0]}")
    check_numbers(arrays, path)
    for name, weight in weights.items():
        found, needed = arrays[name].shape, tuple(weight.shape)
        if found != needed:
            raise ModelError(
                f"{path}: {name} has shape {found}, but the model needs {needed}"
            )
        # Bundled models are stored in half precision.
        weight.assign(arrays[name].astype(weight.dtype))
    model.masking.batches.assign(0)  # restart the schedule of masks and smoothing


def _optional(names: Iterable[str]) -> set[str]:
    """Return the prefixes of optional parts among names of weights."""
    return {part for part in _OPTIONAL if any(name.startswith(part) for name in names)}
