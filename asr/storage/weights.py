"""Weights of a network as NumPy arrays by weight path."""

from __future__ import annotations

import lzma
import tokenize
import zipfile
import zlib
from pathlib import Path

import numpy as np

from asr.errors import ModelError

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
