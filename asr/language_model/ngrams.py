"""N-grams, of characters or words, with Kneser-Ney smoothing.

What is stored is sparse: for each context how much of the shorter one's distribution it
passes on, and a probability for each token seen after it. `NGrams.automaton` writes all
rows out, so that two gathers look a character up inside the graph of a search;
`NGrams.rows` keeps those of words sparse.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from asr.decoding.automata import Automaton
from asr.decoding.scorers import WordRows
from asr.errors import DataError

_KEY_BITS = 63
_UNIFORM = 0.001  # share of the unigrams that all tokens have alike
_TINY = 1e-30
_MOST = 100_000_000  # n-grams of one length
_LARGEST = 250_000_000  # probabilities in all rows, 2 GB with what follows them


class Level(NamedTuple):
    """What is known after contexts of one length.

    Attributes:
        contexts: Their tokens as the digits of a number, sorted, (C,) int64.
        passed: Log of the share of the shorter context's distribution, (C,) float16.
        grams: Context and token as digits of a number, sorted, (G,) int64.
        kept: Log of the probability that each has beside that share, (G,) float16.
    """

    contexts: np.ndarray
    passed: np.ndarray
    grams: np.ndarray
    kept: np.ndarray


_EMPTY = Level(*(np.zeros(0, kind) for kind in (int, "f2", int, "f2")))


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
        """Return arrays to store; sorted numbers as distances, which compress."""
        found = {"unigrams": self.unigrams, "start": np.array(self.start)}
        for size, level in enumerate(self.levels, start=1):
            for name, array in level._asdict().items():
                sparse = array.dtype.kind == "i"
                found[f"{name}_{size}"] = np.diff(array, prepend=0) if sparse else array
        return found

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, np.ndarray]) -> NGrams:
        """Return the model of stored arrays.

        Raises:
            DataError: They are not those of a model.
        """
        try:
            size, levels = 1, []
            while size == 1 or f"contexts_{size}" in arrays:
                level = Level(*(arrays[f"{name}_{size}"] for name in Level._fields))
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
        """Refuse arrays that do not fit each other.

        Raises:
            ValueError: They do not.
        """
        vocabulary, shorter = len(self.unigrams), np.zeros(1, np.int64)
        if self.unigrams.ndim != 1 or not 0 <= self.start < vocabulary:
            raise ValueError("unigrams")
        kinds = [self.unigrams, *(array for level in self.levels for array in level)]
        if any(array.dtype.kind not in "fi" for array in kinds):
            raise ValueError("what are no numbers")
        if not np.all((self.unigrams >= 0) & (self.unigrams <= 1)):
            raise ValueError("unigrams that are no probabilities")
        for size, level in enumerate(self.levels, start=1):
            keys = level.contexts
            fits = (
                all(array.ndim == 1 for array in level)
                and len(keys) == len(level.passed)
                and len(level.grams) == len(level.kept)
                and np.all(np.diff(keys) > 0)
                and np.all(np.diff(level.grams) > 0)
                and np.all(_rows_of(keys // vocabulary, shorter))
                and np.all(_rows_of(keys % vocabulary ** (size - 1), shorter))
                and np.all(_rows_of(level.grams // vocabulary, keys))
                and np.all(level.passed <= 0)
                and np.all(level.kept <= 0)
            )
            if not fits:
                raise ValueError(f"contexts of {size} tokens")
            shorter = keys

    def check_size(self) -> None:
        """Refuse what an automaton has no room for.

        Raises:
            DataError: It would fill the memory.
        """
        vocabulary = len(self.unigrams)
        contexts = sum(len(level.contexts) for level in self.levels)
        if contexts * vocabulary > _LARGEST:
            raise DataError(f"{contexts} contexts of {vocabulary} tokens are too many")

    def automaton(self) -> Automaton:
        """Write all rows out, from the empty context to the longest ones.

        Returns:
            An automaton whose scores are natural log probabilities.
        """
        vocabulary = len(self.unigrams)
        probs = self.unigrams[None].astype(np.float32)
        table = np.zeros((1, vocabulary), np.int32)
        # Contexts of the length before, and the state of the first of them.
        keys, base = np.zeros(1, np.int64), 0
        for size, level in enumerate(self.levels, start=1):
            states = len(probs) + np.arange(len(level.contexts), dtype=np.int32)
            # A context follows that of all its tokens but the last, and where a token
            # does not lead to a longer one, it leads where it does without the first.
            parents = base + np.searchsorted(keys, level.contexts // vocabulary)
            table[parents, level.contexts % vocabulary] = states
            tails = level.contexts % vocabulary ** (size - 1)
            shorter = base + np.searchsorted(keys, tails)
            passed = np.exp(level.passed.astype(np.float32))
            rows = probs[shorter] * passed[:, None]
            places = np.searchsorted(level.contexts, level.grams // vocabulary)
            kept = np.exp(level.kept.astype(np.float32))
            rows[places, level.grams % vocabulary] += kept
            rows /= rows.sum(axis=1, keepdims=True)
            probs = np.concatenate([probs, rows])
            table = np.concatenate([table, table[shorter]])
            keys, base = level.contexts, len(probs) - len(rows)
        return Automaton(
            scores=np.log(np.maximum(probs, _TINY)),
            following=table,
            start=int(table[0, self.start]),
        )

    def probabilities(
        self, size: int, contexts: np.ndarray, tokens: np.ndarray
    ) -> np.ndarray:
        """Return the probability of each token after its context, (N,) float64.

        Args:
            size: Tokens of a context.
            contexts: Their tokens as the digits of a number, (N,) int64.
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
        seen = _looked_up(contexts * vocabulary + tokens, level.grams, level.kept, 0.0)
        passed = _looked_up(contexts, level.contexts, level.passed, 1.0)
        return seen + passed * shorter

    def first_rows(self) -> np.ndarray:
        """Return the row of each token as the only one of a context, (V,) int32."""
        found = np.zeros(len(self.unigrams), np.int32)
        contexts = self.levels[0].contexts
        found[contexts] = 1 + np.arange(len(contexts))
        return found

    def rows(self, size: int) -> WordRows:
        """Return what follows contexts of `size` tokens, after an empty row 0."""
        vocabulary = len(self.unigrams)
        level, longer = (
            self.levels[at] if at < len(self.levels) else _EMPTY
            for at in (size - 1, size)
        )
        counts = np.searchsorted(level.grams // vocabulary, level.contexts)
        above = np.append(_rows_of(level.grams, longer.contexts), 0)
        starts = np.concatenate([[0], counts, [len(level.grams)]]).astype(np.int32)
        return WordRows(
            starts=starts,
            passed=np.exp(np.append(0.0, level.passed)).astype(np.float32),
            words=np.append(level.grams % vocabulary, 0).astype(np.int32),
            kept=np.append(np.exp(level.kept.astype(np.float32)), np.float32(0.0)),
            longer=above.astype(np.int32),
            rounds=int(np.diff(starts).max()).bit_length(),
        )


def _rows_of(values: np.ndarray, keys: np.ndarray) -> np.ndarray:
    """Return 1 + the place of each value among sorted keys, 0 where it is not there.

    `np.isin` would sort or hash what is sorted already.
    """
    if not keys.size:
        return np.zeros(values.shape, np.int64)
    places = np.searchsorted(keys, values)
    there = keys[np.minimum(places, keys.size - 1)] == values
    return np.where(there, places + 1, 0)


def _looked_up(
    values: np.ndarray, keys: np.ndarray, logs: np.ndarray, lacking: float
) -> np.ndarray:
    """Return e to the power of what belongs to each value; `lacking` without a key."""
    rows = _rows_of(values, keys)
    found = np.full(rows.shape, lacking)
    there = rows > 0
    found[there] = np.exp(logs[rows[there] - 1].astype(np.float64))
    return found


class _Counts(NamedTuple):
    """All n-grams of one length."""

    keys: np.ndarray  # tokens as the digits of a number, sorted
    seen: np.ndarray  # how often each was seen
    kinds: np.ndarray  # what smoothing counts: tokens before it; at the top `seen`


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
        vocabulary: Number of tokens, V, and a blank, 0, that is never written.
        start: Token before a text.
        end: Token after a text.
        least: How often a context of 1, 2, ... tokens must be seen to be kept; it must
            not fall. Their number makes the longest n-gram, n tokens; V ** n must be
            below 2 ** 63.
        rare: Tokens of a context from which on n-grams seen once are left out: they
            say little, and are many.

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
    tokens, places = _joined(texts, start, end)
    if not len(tokens):
        raise DataError("no texts to count n-grams in")
    orders = _counted(tokens, places, vocabulary, order, start)
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


def _joined(
    texts: Iterable[Sequence[int]], start: int, end: int
) -> tuple[np.ndarray, np.ndarray]:
    """Join texts; return tokens and the place of each in its text."""
    rows = [np.array([start, *text, end], dtype=np.int32) for text in texts]
    if not rows:
        return np.zeros(0, np.int64), np.zeros(0, np.int64)
    places = np.concatenate([np.arange(len(row), dtype=np.int32) for row in rows])
    return np.concatenate(rows).astype(np.int64), places


def _counted(
    tokens: np.ndarray, places: np.ndarray, vocabulary: int, order: int, start: int
) -> list[_Counts]:
    """Count the n-grams of 1 to `order` tokens; none reaches into another text."""
    seen: list[tuple[np.ndarray, np.ndarray]] = []
    keys = tokens.copy()
    for size in range(1, order + 1):
        if size > 1:
            keys[size - 1 :] += tokens[: 1 - size] * vocabulary ** (size - 1)
        # A single start is what all texts begin with, and never a prediction.
        valid = places >= max(size - 1, 1)
        seen.append(np.unique(keys[valid], return_counts=True))
    orders = []
    for size, (found, counts) in enumerate(seen, start=1):
        kinds = counts.copy()
        if size < order:
            longer, _ = seen[size]
            ends, different = np.unique(longer % vocabulary**size, return_counts=True)
            first = found // vocabulary ** (size - 1)
            # What begins a text has nothing before it.
            inside = first != start if size > 1 else np.ones(len(found), bool)
            kinds[inside] = different[np.searchsorted(ends, found[inside])]
        orders.append(_Counts(found, counts, kinds))
    return orders


def _discounts(kinds: np.ndarray) -> np.ndarray:
    """Return what is taken off counts of 0, 1, 2 and 3 or more."""
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
    """Return what is known after contexts.

    Args:
        grams: N-grams of a context and a token.
        contexts: Keys of contexts, sorted.
        vocabulary: V.
        prune: Leave out what was seen once.
    """
    places = np.searchsorted(contexts, grams.keys // vocabulary)
    places = np.minimum(places, len(contexts) - 1)
    inside = contexts[places] == grams.keys // vocabulary
    places, kinds = places[inside], grams.kinds[inside]
    taken = _discounts(grams.kinds)[np.minimum(kinds, 3)]
    totals = np.bincount(places, kinds, len(contexts))
    if prune:
        once = grams.seen[inside] == 1
        taken = np.where(once, kinds, taken)
    spared = np.bincount(places, taken, len(contexts))
    rest = kinds > taken
    kept = np.log((kinds - taken)[rest] / totals[places[rest]])
    return Level(
        contexts=contexts,
        passed=np.log(spared / totals).astype(np.float16),
        grams=grams.keys[inside][rest],
        kept=kept.astype(np.float16),
    )
