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


def grouped(keys: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Group equal keys, (N,); G groups in the order of their keys.

    `np.unique` takes three times as long for a thousand keys, and its first call loads
    masked arrays.

    Returns:
        Index of the first key of each group, (G,), and the group of each key, (N,).
    """
    order = np.argsort(keys)  # a stable sort takes four times as long
    ordered = keys[order]
    is_first = np.ones(len(keys), bool)
    np.not_equal(ordered[1:], ordered[:-1], out=is_first[1:])
    groups = np.empty(len(keys), np.int64)
    groups[order] = np.cumsum(is_first) - 1
    return np.minimum.reduceat(order, np.flatnonzero(is_first)), groups


def round_up_length(length: int, *, bits: int) -> int:
    """Round a length up to `bits` significant bits, so that few lengths remain.

    Three bits add up to 25 %, five bits up to 6 %.
    """
    step = 1 << max(length.bit_length() - bits, 0)
    return -(-length // step) * step
