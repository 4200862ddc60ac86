"""N-gram models with interpolated smoothing, of characters or words.

The arrays are sparse: each context has a back-off weight, and each n-gram that was seen
a discounted probability. `tables` turns them into what a search looks up.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from asr.errors import DataError

_MOST = 100_000_000  # n-grams of one length
_STORED = ("contexts", "passed", "grams", "kept")  # names of a level's arrays in files


class Level(NamedTuple):
    """N-grams after contexts of one length.

    The probability of a token is its discounted probability plus the back-off weight
    times its probability after the context without its first token.

    Attributes:
        contexts: Tokens as the digits of a number in base V, sorted, (C,) int64.
        backoffs: Log of the back-off weight of each context, (C,) float.
        grams: Context and token as digits of a number, sorted, (G,) int64.
        discounted: Log of the discounted probability of each n-gram, (G,) float.
    """

    contexts: np.ndarray
    backoffs: np.ndarray
    grams: np.ndarray
    discounted: np.ndarray


class NGrams(NamedTuple):
    """An n-gram model.

    Attributes:
        unigrams: Probability of each token without any context, (V,) float32.
        levels: Contexts of one token, of two, and so on.
        start: Token before a text.
    """

    unigrams: np.ndarray
    levels: tuple[Level, ...]
    start: int

    def arrays(self) -> dict[str, np.ndarray]:
        """Return arrays to store; sorted numbers as differences, which compress."""
        arrays = {"unigrams": self.unigrams, "start": np.array(self.start)}
        for size, level in enumerate(self.levels, start=1):
            for name, array in zip(_STORED, level, strict=True):
                keys = array.dtype.kind == "i"
                arrays[f"{name}_{size}"] = np.diff(array, prepend=0) if keys else array
        return arrays

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, np.ndarray]) -> NGrams:
        """Return the model of stored arrays.

        Raises:
            DataError: They are not those of a model.
        """
        try:
            size, levels = 1, []
            while size == 1 or f"contexts_{size}" in arrays:
                level = Level(*(arrays[f"{name}_{size}"] for name in _STORED))
                if max(len(level.contexts), len(level.grams)) > _MOST:
                    raise ValueError("too many n-grams")
                levels.append(
                    level._replace(
                        contexts=np.cumsum(level.contexts, dtype=np.int64),
                        grams=np.cumsum(level.grams, dtype=np.int64),
                    )
                )
                size += 1
            unigrams = arrays["unigrams"].astype(np.float32, casting="same_kind")
            model = cls(unigrams, tuple(levels), int(arrays["start"]))
            model.check()
        except (LookupError, TypeError, ValueError, OverflowError) as error:
            raise DataError(f"not an n-gram model: {error}") from error
        return model

    def check(self) -> None:
        """Check that the arrays fit each other.

        Raises:
            ValueError: They do not fit.
        """
        vocabulary, shorter = len(self.unigrams), np.zeros(1, np.int64)
        if self.unigrams.ndim != 1 or not 0 <= self.start < vocabulary:
            raise ValueError("unigrams")
        kinds = [self.unigrams, *(array for level in self.levels for array in level)]
        if any(array.dtype.kind not in "fi" for array in kinds):
            raise ValueError("arrays that hold no numbers")
        if not np.all((self.unigrams >= 0) & (self.unigrams <= 1)):
            raise ValueError("unigrams that are no probabilities")
        for size, level in enumerate(self.levels, start=1):
            keys = level.contexts
            fits = (
                all(array.ndim == 1 for array in level)
                and len(keys) == len(level.backoffs)
                and len(level.grams) == len(level.discounted)
                and np.all(np.diff(keys) > 0)
                and np.all(np.diff(level.grams) > 0)
                and np.all(key_rows(keys // vocabulary, shorter))
                and np.all(key_rows(keys % vocabulary ** (size - 1), shorter))
                and np.all(key_rows(level.grams // vocabulary, keys))
                and np.all(level.backoffs <= 0)
                and np.all(level.discounted <= 0)
            )
            if not fits:
                raise ValueError(f"contexts of {size} tokens")
            shorter = keys

    def probabilities(
        self, size: int, contexts: np.ndarray, tokens: np.ndarray
    ) -> np.ndarray:
        """Return the probability of each token after its context, (N,) float64.

        Args:
            size: Tokens of a context.
            contexts: Tokens of each context as the digits of a number, (N,) int64.
            tokens: Token after each, (N,) int64.
        """
        if not size:
            return self.unigrams[tokens].astype(np.float64)
        vocabulary = len(self.unigrams)
        tails = contexts % vocabulary ** (size - 1)
        shorter = self.probabilities(size - 1, tails, tokens)
        if size > len(self.levels):
            return shorter
        level = self.levels[size - 1]
        keys = contexts * vocabulary + tokens
        discounted = _looked_up(keys, level.grams, level.discounted, 0.0)
        backoffs = _looked_up(contexts, level.contexts, level.backoffs, 1.0)
        return discounted + backoffs * shorter


def key_rows(values: np.ndarray, keys: np.ndarray) -> np.ndarray:
    """Return 1 + the index of each value among sorted keys, 0 for a missing one.

    `np.isin` would sort or hash keys that are sorted already.
    """
    if not keys.size:
        return np.zeros(values.shape, np.int64)
    index = np.searchsorted(keys, values)
    known = keys[np.minimum(index, keys.size - 1)] == values
    return np.where(known, index + 1, 0)


def _looked_up(
    values: np.ndarray, keys: np.ndarray, logs: np.ndarray, missing: float
) -> np.ndarray:
    """Return exp(log) of each value's key; `missing` for a value without a key."""
    rows = key_rows(values, keys)
    known = rows > 0
    result = np.full(rows.shape, missing)
    result[known] = np.exp(logs[rows[known] - 1].astype(np.float64))
    return result
