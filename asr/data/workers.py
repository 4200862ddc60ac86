"""Processes that train on a share of each batch, and what they tell each other."""

from __future__ import annotations

import json
from typing import Any

import numpy as np


class Workers:
    """Processes that share each batch; here one process, which has all of it.

    Attributes:
        rank: Number of this process, from 0. Only number 0 writes files.
        count: Number of processes.
        least_rows: Rows that each has at least; those beyond the batch are empty.
        equal_rows: True if all must have the same number of rows.
        fixed_shapes: True if padded lengths are rounded up, for backends that compile
            each shape.
    """

    rank, count, least_rows = 0, 1, 1
    equal_rows = fixed_shapes = False

    @property
    def writes(self) -> bool:
        """True for the process that writes files and reports progress."""
        return self.rank == 0

    def all_gather(self, numbers: np.ndarray) -> np.ndarray:
        """Return the numbers of all processes, (count, n) int32.

        Args:
            numbers: Those of this process, (n,) int32; n is the same for all.
        """
        return numbers[None]

    def gather(self, value: Any) -> list[Any]:
        """Return a value of each process; they are plain data, as in JSON."""
        content = json.dumps(value).encode()
        content += b" " * (-len(content) % 4)
        numbers = np.frombuffer(content, "int32")
        sizes = self.all_gather(np.array([len(numbers)], "int32"))[:, 0]
        padded = np.zeros(sizes.max(), "int32")
        padded[: len(numbers)] = numbers
        rows = self.all_gather(padded)
        return [
            json.loads(row[:size].tobytes())
            for row, size in zip(rows, sizes, strict=True)
        ]


ALONE = Workers()
"""One process, on TensorFlow or without a backend."""
