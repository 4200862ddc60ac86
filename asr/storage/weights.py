"""Weights of a network as NumPy arrays by weight path."""

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
# Errors of zipfile and NumPy for damaged, encrypted or pickled archives.
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
    """Return all weights by path, such as `encoder/gru_0/forward_kernel`."""
    return {weight.path: np.asarray(weight) for weight in model.weights}


def read_arrays(path: Path) -> dict[str, np.ndarray]:
    """Read the arrays of a weights file by path; pickled arrays are refused.

    Raises:
        ModelError: The file is damaged, or too large when unpacked.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            size = sum(member.file_size for member in archive.infolist())
        if size > LARGEST_WEIGHTS:
            raise ModelError(f"{path}: unpacks to more than {LARGEST_WEIGHTS:,} bytes")
        with np.load(path, allow_pickle=False) as stored:
            return {name: np.asarray(stored[name]) for name in stored.files}
    except _UNREADABLE as error:
        raise ModelError(f"{path}: not a readable weights file: {error}") from error


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
