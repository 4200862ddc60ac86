"""Counts n-grams and smooths them: interpolated, modified Kneser-Ney."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

import numpy as np

from asr.errors import DataError
from asr.language_model.ngrams import Level, NGrams

_KEY_BITS = 63
_BLOCK = 4_000_000  # tokens counted at once
_UNIFORM = 0.001  # share of the unigrams that is the same for all tokens


class _Counts(NamedTuple):
    """All n-grams of one length."""

    keys: np.ndarray  # tokens as the digits of a number, sorted
    seen: np.ndarray  # how often each was seen
    kinds: np.ndarray  # different tokens before each; for the longest, `seen`


def train_ngrams(
    texts: Iterable[Sequence[int]],
    vocabulary: int,
    *,
    start: int,
    end: int,
    least: Sequence[int],
    rare: int = 6,
) -> NGrams:
    """Count n-grams and smooth them.

    Args:
        texts: Tokens of each text, without start and end, from 1 to V - 1.
        vocabulary: Number of tokens, V; token 0, the blank, is in no text.
        start: Token before a text.
        end: Token after a text.
        least: Least count of contexts of 1, 2, ... tokens; it must not fall. With N
            numbers the longest n-gram has n = N + 1 tokens; V ** n must be below
            2 ** 63.
        rare: Least tokens of a context after which n-grams seen once are left out: they
            help little, and are many.

    Raises:
        DataError: There are no texts, or the numbers do not fit.

    Reference:
        S. F. Chen and J. Goodman, An Empirical Study of Smoothing Techniques for
        Language Modeling, TR-10-98, Harvard 1998: interpolated, modified Kneser-Ney.
    """
    order = len(least) + 1
    if order < 2 or order * math.log2(vocabulary) >= _KEY_BITS:
        raise DataError(f"{order}-grams of {vocabulary} tokens cannot be counted")
    if list(least) != sorted(least):
        raise DataError("a longer context must be seen as often as a shorter one")
    orders = _counted(_blocks(texts, start, end), vocabulary, order, start)
    if not len(orders[0].keys):
        raise DataError("no texts to count n-grams in")
    unigrams = np.zeros(vocabulary)
    unigrams[orders[0].keys] = orders[0].kinds
    possible = np.ones(vocabulary)
    possible[[0, start]] = 0.0
    unigrams *= (1 - _UNIFORM) / unigrams.sum()
    unigrams += _UNIFORM * possible / possible.sum()
    levels: list[Level] = []
    for shorter, longer, enough in zip(orders[:-1], orders[1:], least, strict=True):
        contexts = shorter.keys[shorter.seen >= enough]
        contexts = contexts[contexts % vocabulary != end]
        if not levels:
            contexts = np.union1d(contexts, [start])
        if not len(contexts):
            break
        prune = len(levels) + 1 >= rare
        levels.append(_smoothed(longer, contexts, vocabulary, prune=prune))
    return NGrams(unigrams.astype(np.float32), tuple(levels), start)


def _blocks(
    texts: Iterable[Sequence[int]], start: int, end: int
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Join texts; yield tokens and the position of each in its text."""
    rows: list[np.ndarray] = []
    size = 0
    for text in texts:
        rows.append(np.array([start, *text, end], dtype=np.int32))
        size += len(rows[-1])
        if size >= _BLOCK:
            yield _joined(rows)
            rows, size = [], 0
    if rows:
        yield _joined(rows)


def _joined(rows: Sequence[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    positions = np.concatenate([np.arange(len(row), dtype=np.int32) for row in rows])
    return np.concatenate(rows).astype(np.int64), positions


class _Tally:
    """Counts keys, block by block: memory holds the different keys, not all of them."""

    def __init__(self) -> None:
        self._runs = [(np.zeros(0, np.int64), np.zeros(0, np.int64))]

    def add(self, keys: np.ndarray) -> None:
        self._runs.append(np.unique(keys, return_counts=True))
        # Runs of similar sizes are merged, so that each key moves a few times only.
        while len(self._runs) > 1 and len(self._runs[-2][0]) < 2 * len(
            self._runs[-1][0]
        ):
            self._merge()

    def total(self) -> tuple[np.ndarray, np.ndarray]:
        """Return all keys, sorted, and their counts."""
        while len(self._runs) > 1:
            self._merge()
        return self._runs[0]

    def _merge(self) -> None:
        (one, ones), (other, others) = self._runs.pop(), self._runs.pop()
        keys = np.concatenate([one, other])
        order = np.argsort(keys, kind="stable")  # joins sorted runs in one pass
        keys = keys[order]
        first = np.flatnonzero(np.diff(keys, prepend=-1))
        counts = np.concatenate([ones, others])[order]
        self._runs.append((keys[first], np.add.reduceat(counts, first)))


def _counted(
    blocks: Iterable[tuple[np.ndarray, np.ndarray]],
    vocabulary: int,
    order: int,
    start: int,
) -> list[_Counts]:
    """Count the n-grams of 1 to `order` tokens; none reaches into another text."""
    tallies = [_Tally() for _ in range(order)]
    for tokens, positions in blocks:
        keys = tokens.copy()
        for size, tally in enumerate(tallies, start=1):
            if size > 1:
                keys[size - 1 :] += tokens[: 1 - size] * vocabulary ** (size - 1)
            # All texts begin with the start: alone it is never predicted.
            tally.add(keys[positions >= max(size - 1, 1)])
    seen = [tally.total() for tally in tallies]
    orders = []
    for size, (grams, counts) in enumerate(seen, start=1):
        kinds = counts.copy()
        if size < order:
            longer, _ = seen[size]
            ends, different = np.unique(longer % vocabulary**size, return_counts=True)
            first = grams // vocabulary ** (size - 1)
            # N-grams at the start of a text have no token before them.
            inside = first != start if size > 1 else np.ones(len(grams), bool)
            kinds[inside] = different[np.searchsorted(ends, grams[inside])]
        orders.append(_Counts(grams, counts, kinds))
    return orders


def _discounts(kinds: np.ndarray) -> np.ndarray:
    """Return the discounts of counts of 0, 1, 2 and 3 or more."""
    number = [int(np.sum(kinds == count)) for count in (1, 2, 3, 4)]
    if min(number) == 0:  # too few texts for an estimate
        return np.array([0.0, 0.5, 0.75, 0.75])
    share = number[0] / (number[0] + 2 * number[1])
    taken = [
        count - (count + 1) * share * number[count] / number[count - 1]
        for count in (1, 2, 3)
    ]
    return np.clip([0.0, *taken], [0.0, 0.05, 0.05, 0.05], [0.0, 0.95, 1.9, 2.9])


def _smoothed(
    grams: _Counts, contexts: np.ndarray, vocabulary: int, *, prune: bool
) -> Level:
    """Return the back-off weights and discounted probabilities after contexts.

    Args:
        grams: N-grams of a context and a token.
        contexts: Keys of contexts, sorted.
        vocabulary: V.
        prune: Leave out n-grams seen once.
    """
    rows = np.searchsorted(contexts, grams.keys // vocabulary)
    rows = np.minimum(rows, len(contexts) - 1)
    inside = contexts[rows] == grams.keys // vocabulary
    rows, kinds = rows[inside], grams.kinds[inside]
    taken = _discounts(grams.kinds)[np.minimum(kinds, 3)]
    totals = np.bincount(rows, kinds, len(contexts))
    if prune:
        once = grams.seen[inside] == 1
        taken = np.where(once, kinds, taken)
    spared = np.bincount(rows, taken, len(contexts))
    rest = kinds > taken
    discounted = np.log((kinds - taken)[rest] / totals[rows[rest]])
    return Level(
        contexts=contexts,
        backoffs=np.log(spared / totals).astype(np.float16),
        grams=grams.keys[inside][rest],
        discounted=discounted.astype(np.float16),
    )
