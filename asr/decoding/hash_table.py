"""A hash table of many keys at once."""

from __future__ import annotations

import numpy as np

from asr.arrays import grouped

_EMPTY = -1
_FACTOR = np.uint64(0x9E3779B97F4A7C15)  # Knuth's multiplicative hash: 2^64 / phi


class HashTable:
    """Numbers keys in the order in which they are first seen.

    Attributes:
        count: Number of different keys.
    """

    def __init__(self) -> None:
        self.count = 0
        self._keys = np.full(1 << 12, _EMPTY, np.int64)
        self._numbers = np.full(len(self._keys), _EMPTY, np.int64)

    def numbers(self, keys: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Look keys up, and add those that are new.

        Args:
            keys: From 0 on, (N,) int64.

        Returns:
            The number of each key, (N,), and where each new key stands first, sorted.
        """
        while 2 * (self.count + len(keys)) > len(self._keys):
            self._grow()
        slots = self._slots(keys)
        numbers = self._numbers[slots]
        unknown = np.flatnonzero(numbers == _EMPTY)
        new = unknown[np.sort(grouped(slots[unknown])[0])]
        self._numbers[slots[new]] = self.count + np.arange(len(new))
        self.count += len(new)
        numbers[unknown] = self._numbers[slots[unknown]]
        return numbers, new

    def _slots(self, keys: np.ndarray) -> np.ndarray:
        """Return the slot of each key; a new key gets the next free one."""
        last = len(self._keys) - 1
        shift = np.uint64(64 - last.bit_length())
        slots = ((keys.astype(np.uint64) * _FACTOR) >> shift).astype(np.int64)
        left = np.arange(len(keys))
        while left.size:
            there = self._keys[slots[left]]
            free = left[there == _EMPTY]
            self._keys[slots[free]] = keys[free]  # of two keys for one slot, one stays
            left = left[self._keys[slots[left]] != keys[left]]
            slots[left] = (slots[left] + 1) & last
        return slots

    def _grow(self) -> None:
        """Double the number of slots."""
        used = np.flatnonzero(self._keys != _EMPTY)
        keys, numbers = self._keys[used], self._numbers[used]
        size = 2 * len(self._keys)
        self._keys = np.full(size, _EMPTY, np.int64)
        self._numbers = np.full(size, _EMPTY, np.int64)
        self._numbers[self._slots(keys)] = numbers
