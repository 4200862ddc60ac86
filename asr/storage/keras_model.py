"""The Keras network of a task, and its weights as arrays; for training."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from asr.errors import ModelError
from asr.model.frontend import LogMel
from asr.model.seq2seq import Seq2Seq
from asr.model.token_embedding import TokenEmbedding
from asr.runtime.network import Network
from asr.storage.model_folder import TOKENIZER, WEIGHTS, read_config, verify
from asr.storage.weights import read_arrays
from asr.tasks.base import Task
from asr.text.tokenizers import read_tokenizer


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

    Tokenizer and weight shapes must be equal. A phone head may be added or removed.

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

    def shared(name: str) -> bool:
        return stored == wanted or not name.startswith("phones/")

    path = folder / WEIGHTS
    arrays = {name: array for name, array in read_arrays(path).items() if shared(name)}
    weights = [weight for weight in model.weights if shared(weight.path)]
    assign_arrays(weights, arrays, path)
    model.masking.batches.assign(0)  # restart the schedule of masks and smoothing


def assign_arrays(
    weights: Iterable[Any], arrays: Mapping[str, np.ndarray], path: Path
) -> None:
    """Assign arrays to weights; names and shapes must match exactly.

    Args:
        weights: Weights of a network.
        arrays: Arrays by weight path.
        path: File of the arrays, for messages.

    Raises:
        ModelError: An array is missing, left over, or has a wrong shape or content.
    """
    by_path = {weight.path: weight for weight in weights}
    if unmatched := sorted(by_path.keys() ^ arrays.keys()):
        raise ModelError(f"{path}: not of a model of this shape: {unmatched[0]}")
    for name, weight in by_path.items():
        array = arrays[name]
        if array.dtype.kind not in "fiu":
            raise ModelError(f"{path}: {name} must hold numbers, got {array.dtype}")
        if array.shape != tuple(weight.shape):
            raise ModelError(
                f"{path}: {name} has shape {array.shape}, "
                f"but the model needs {tuple(weight.shape)}"
            )
        if not np.all(np.isfinite(array)):
            raise ModelError(f"{path}: {name} holds values that are not finite numbers")
        # Bundled models are stored in half precision.
        weight.assign(array.astype(weight.dtype))
