"""Reads weight arrays and assigns them to a model."""

from __future__ import annotations

import lzma
import tokenize
import zipfile
import zlib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from asr.errors import ModelError
from asr.model.seq2seq import Seq2Seq

LARGEST_WEIGHTS = 4_000_000_000  # bytes
# What zipfile and NumPy raise on archives that are damaged, encrypted or pickled.
_UNREADABLE = (
    OSError,
    ValueError,
    EOFError,
    RuntimeError,
    MemoryError,
    zipfile.BadZipFile,
    zlib.error,
    lzma.LZMAError,
    tokenize.TokenError,
)


def weights_of(model: Seq2Seq) -> dict[str, np.ndarray]:
    """Return all weights by their path, such as `encoder/gru_0/forward_kernel`."""
    return {weight.path: np.asarray(weight) for weight in model.weights}


def read_arrays(path: Path) -> dict[str, np.ndarray]:
    """Read stored arrays by name; pickled ones are refused.

    Raises:
        ModelError: The file is damaged, or unpacks to more than any model.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            size = sum(member.file_size for member in archive.infolist())
        if size > LARGEST_WEIGHTS:
            raise ModelError(f"{path}: unpacks to more than any model of this kind")
        with np.load(path, allow_pickle=False) as stored:
            return {name: np.asarray(stored[name]) for name in stored.files}
    except _UNREADABLE as error:
        raise ModelError(f"{path}: not a readable weights file: {error}") from error


def assign_arrays(
    weights: Iterable[Any], arrays: Mapping[str, np.ndarray], path: Path
) -> None:
    """Put arrays, stored at a path, into weights: all of them and no others."""
    wanted = {weight.path: weight for weight in weights}
    if missing := sorted(wanted.keys() ^ arrays.keys()):
        raise ModelError(f"{path}: not of a model of this shape: {missing[0]}")
    for name, weight in wanted.items():
        array = arrays[name]
        if array.dtype.kind not in "fiu":
            raise ModelError(f"{path}: {name} holds no numbers")
        if array.shape != tuple(weight.shape):
            raise ModelError(
                f"{path}: {name} has shape {array.shape}, "
                f"but the model wants {tuple(weight.shape)}"
            )
        if not np.all(np.isfinite(array)):
            raise ModelError(f"{path}: {name} holds values that are not numbers")
        # Shipped models may be stored in half precision.
        weight.assign(array.astype(weight.dtype))
