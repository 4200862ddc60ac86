"""Word n-grams as flat arrays that a search reads in place, memory-mapped or not.

The arrays are a trie. After each context of one word stand the words that were seen
after it; a context of two words is one of these entries, and so on. An entry takes four
bytes: its word, and the code of its probability.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np

CODE_BITS = 8  # of an entry, for the code of its probability; the rest is its word
_CODES = 1 << CODE_BITS


class WordLevel(NamedTuple):
    """N-grams after contexts of one length.

    Attributes:
        contexts: Index of each context among the entries of the level before, sorted,
            (C,) uint32. At the first level empty: there context w is word w.
        begin: First entry of each context, and the end of the last, (C + 1,) uint32.
        backoffs: Code of the back-off weight of each context, (C,) uint8.
        entries: `word << 8 | code`, sorted after each context, (G,) uint32.
        weights: Back-off weight of each code, (256,) float32.
        discounted: Discounted probability of each code, (256,) float32.
    """

    contexts: np.ndarray
    begin: np.ndarray
    backoffs: np.ndarray
    entries: np.ndarray
    weights: np.ndarray
    discounted: np.ndarray


class WordNGrams(NamedTuple):
    """Interpolated n-grams of words.

    The probability of a word is its discounted probability after its context, plus the
    back-off weight of the context times its probability after a shorter context. A
    history holds a column for each level: 1 + the context in it, or 0 for a context
    that was not seen.

    Attributes:
        unigrams: Probability of each word without a context, (V,) float32.
        levels: N-grams after contexts of one word, of two, and so on.
        first: Word before a text.

    Reference:
        K. Heafield, KenLM: Faster and Smaller Language Model Queries, WMT 2011: the
        trie, and quantised probabilities.
    """

    unigrams: np.ndarray
    levels: tuple[WordLevel, ...]
    first: int

    def start(self) -> np.ndarray:
        """Return the history before a text, (1, levels) int64."""
        history = np.zeros((1, len(self.levels)), np.int64)
        history[0, 0] = 1 + self.first
        return history

    def extend(
        self, histories: np.ndarray, words: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Predict words.

        Args:
            histories: What came before each word, (N, levels) int64.
            words: The words, (N,).

        Returns:
            Probability of each word, (N,) float64, and the history after it.
        """
        probs = self.unigrams[words].astype(np.float64)
        longer = np.zeros_like(histories)
        longer[:, 0] = 1 + words
        for size, level in enumerate(self.levels):
            known = np.flatnonzero(histories[:, size])
            context = histories[known, size] - 1
            entry, seen = _find(level, context, words[known])
            probs[known] *= level.weights[level.backoffs[context]]
            found = known[seen]
            codes = level.entries[entry[seen]] & (_CODES - 1)
            probs[found] += level.discounted[codes]
            if size + 1 < len(self.levels):
                contexts = self.levels[size + 1].contexts
                longer[found, size + 1] = _rows(contexts, entry[seen])
        return probs, longer

    def check(self) -> None:
        """Check that a search of these arrays stays inside them.

        Raises:
            ValueError: The arrays do not fit each other.
        """
        vocabulary = len(self.unigrams)
        dense = self.unigrams.ndim == 1 and self.unigrams.dtype.kind == "f"
        if not dense or not 0 <= self.first < vocabulary:
            raise ValueError("unigrams")
        if not np.all((self.unigrams >= 0) & (self.unigrams <= 1)):
            raise ValueError("unigrams that are no probabilities")
        if vocabulary > np.iinfo(np.uint32).max >> CODE_BITS:
            raise ValueError(f"{vocabulary} words are too many")
        for size, level in enumerate(self.levels, start=1):
            count = len(level.contexts) if size > 1 else vocabulary
            kinds = [array.dtype.kind for array in level]
            fits = (
                all(array.ndim == 1 for array in level)
                and kinds == ["u", "u", "u", "u", "f", "f"]
                and level.backoffs.dtype == np.uint8
                and len(level.begin) == count + 1
                and len(level.backoffs) == count
                and len(level.weights) == len(level.discounted) == _CODES
                and level.begin[0] == 0
                and level.begin[-1] == len(level.entries)
                and bool(np.all(level.begin[1:] >= level.begin[:-1]))
            )
            if not fits:
                raise ValueError(f"contexts of {size} words")

    def arrays(self) -> dict[str, np.ndarray]:
        """Return named arrays to store."""
        arrays = {"unigrams": self.unigrams, "first": np.array(self.first)}
        for size, level in enumerate(self.levels, start=1):
            named = level._asdict().items()
            arrays |= {f"{name}_{size}": array for name, array in named}
        return arrays

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, np.ndarray]) -> WordNGrams:
        """Return the n-grams of stored arrays.

        Raises:
            LookupError: An array is missing.
            ValueError: The arrays do not fit each other.
        """
        levels: list[WordLevel] = []
        while f"entries_{len(levels) + 1}" in arrays:
            size = len(levels) + 1
            names = (f"{name}_{size}" for name in WordLevel._fields)
            levels.append(WordLevel(*(arrays[name] for name in names)))
        if not levels:
            raise LookupError("entries_1")
        ngrams = cls(arrays["unigrams"], tuple(levels), int(arrays["first"]))
        ngrams.check()
        return ngrams


def _find(
    level: WordLevel, contexts: np.ndarray, words: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Look words up after contexts; return their entries, and which there are."""
    entries, wanted = level.entries, words << CODE_BITS
    end = level.begin[contexts + 1].astype(np.int64)
    place = level.begin[contexts].astype(np.int64) - 1
    longest = int((end - place).max(initial=1))
    # A binary search of all words at once, each among the entries of its own context:
    # `place` stays before the first entry that is not below the word.
    for bit in reversed(range((longest - 1).bit_length())):
        later = place + (1 << bit)
        below = (later < end) & (entries.take(later, mode="clip") < wanted)
        place = np.where(below, later, place)
    place += 1
    seen = place < end
    seen[seen] = entries[place[seen]] >> CODE_BITS == words[seen]
    return place, seen


def _rows(contexts: np.ndarray, entries: np.ndarray) -> np.ndarray:
    """Return 1 + the index of each entry among contexts; 0 for one that is none."""
    if not len(contexts):
        return np.zeros(len(entries), np.int64)
    entries = entries.astype(contexts.dtype)  # else all contexts would be converted
    rows = np.minimum(np.searchsorted(contexts, entries), len(contexts) - 1)
    return np.where(contexts[rows] == entries, rows + 1, 0)


def words_of(entries: np.ndarray) -> np.ndarray:
    """Return the words of entries, int64."""
    return (entries >> CODE_BITS).astype(np.int64)


def quantised(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return codes of values and the value of each code; at most 256 stay exact.

    Args:
        values: Probabilities, (N,).

    Returns:
        Codes, (N,) uint8, and values, (256,) float32. More values are divided into bins
        that hold equally many; a bin has the geometric mean of its values. Zero keeps
        a code of its own.
    """
    table = np.zeros(_CODES, np.float32)
    different = np.unique(values)
    if len(different) <= _CODES:
        table[: len(different)] = different
        return np.searchsorted(different, values).astype(np.uint8), table
    positive = np.sort(values[values > 0])
    shares = np.linspace(0, len(positive), _CODES).astype(np.int64)
    edges = np.unique(positive[shares[:-1]])
    bounds = [*np.searchsorted(positive, edges), len(positive)]
    means = [np.log(positive[low:high]).mean() for low, high in pairwise(bounds)]
    table[1 : len(means) + 1] = np.exp(means)
    codes = np.searchsorted(edges, values, side="right")
    return np.where(values > 0, codes, 0).astype(np.uint8), table


def packed(words: np.ndarray, codes: np.ndarray) -> np.ndarray:
    """Return entries of words with codes, (G,) uint32."""
    return (words.astype(np.uint32) << CODE_BITS) | codes


def each_context(levels: Sequence[WordLevel]) -> Iterator[np.ndarray]:
    """Yield the context of each entry of a level as words, (G, size), by level."""
    before = np.zeros((0, 0), np.int64)
    for size, level in enumerate(levels, start=1):
        if size == 1:
            contexts = np.arange(len(level.backoffs))[:, None]
        else:
            last = words_of(levels[size - 2].entries)[level.contexts]
            contexts = np.column_stack([before[level.contexts], last])
        before = np.repeat(contexts, np.diff(level.begin).astype(np.int64), axis=0)
        yield before
