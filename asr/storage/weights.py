"""Weights of a network as NumPy arrays by weight path."""

from __future__ import annotations

import lzma
import tokenize
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from asr.errors import ModelError

LARGEST_WEIGHTS = 4_000_000_000  # bytes
UNREADABLE = (
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
"""Errors of zipfile and NumPy for damaged, encrypted or pickled archives."""


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
    except UNREADABLE as error:
        raise ModelError(f"{path}: not a readable weights file: {error}") from error


def check_numbers(arrays: Mapping[str, np.ndarray], path: Path) -> None:
    """Check that all arrays of a file hold finite numbers.

    Raises:
        ModelError: An array does not.
    """
    for name, array in arrays.items():
        if array.dtype.kind not in "fiu":
            raise ModelError(f"{path}: {name} must hold numbers, got {array.dtype}")
        if not np.all(np.isfinite(array)):
            raise ModelError(f"{path}: {name} holds values that are not finite numbers")
