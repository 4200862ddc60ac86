"""Type of tensors; padding of rows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np

Tensor: TypeAlias = Any
"""A tensor of the Keras backend, or a nest of tensors; docstrings give shapes."""


def pad_rows(rows: Sequence[Any], width: int, kind: str) -> np.ndarray:
    """Pad rows of numbers with zeros at the end, (len(rows), width)."""
    padded = np.zeros((len(rows), width), dtype=kind)
    for target, row in zip(padded, rows, strict=True):
        target[: len(row)] = row
    return padded


def round_up_length(length: int, *, bits: int) -> int:
    """Round a length up to `bits` significant bits, so that few lengths remain.

    Three bits add up to 25 %, five bits up to 6 %.
    """
    step = 1 << max(length.bit_length() - bits, 0)
    return -(-length // step) * step
