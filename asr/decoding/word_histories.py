"""Word sequences of a lexicon search, and the language model that scores them."""

from __future__ import annotations

from typing import Protocol

import numpy as np

from asr.decoding.hash_table import HashTable
from asr.decoding.hotwords import HotwordScorer
from asr.decoding.prefix_tree import PhoneTree

TINY = 1e-30  # smallest probability of a word
_BITS = 32  # of a word, of a column of a context, and of a state


class WordModel(Protocol):
    """Predicts words; `asr.decoding.word_ngrams.WordNGrams` is one."""

    def start(self) -> np.ndarray:
        """Return the history before a text, (1, H) int64."""

    def extend(
        self, histories: np.ndarray, words: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return probabilities of words (N,) after histories (N, H), and the next."""


class Histories:
    """Table of all word sequences of a search; row 0 is the empty one.

    Args:
        tree: Words by their phones.
        language: Predicts words.
        weight: Factor of log probabilities of words.
        hotwords: Rewards words.

    Attributes:
        rows: The sequences, with their scores.
    """

    def __init__(
        self,
        tree: PhoneTree,
        language: WordModel,
        weight: float,
        hotwords: HotwordScorer | None,
    ) -> None:
        self.tree, self.language, self.weight = tree, language, weight
        self.hotwords = hotwords
        context = language.start()
        self._numbers = HashTable()  # (parent, word) -> row - 1
        # All that predicts what follows, one table for each further number of it.
        self._futures = [HashTable() for _ in context[0]]
        fields = [
            ("parent", np.int64),  # history without its last word
            ("word", np.int64),  # last word
            ("context", np.int64, context.shape[1:]),  # of the language model
            ("state", np.int64),  # of the automaton of hotwords
            ("future", np.int64),  # the same for all that score what follows alike
            ("log_prob", np.float64),  # of all words
            ("reward", np.float64),  # of hotwords
            ("score", np.float64),  # weighted sum of both
        ]
        self.rows = np.zeros(1024, fields)
        self.rows["context"][0] = context[0]
        if hotwords:
            self.rows["state"][0] = hotwords.automaton.start

    def extended(
        self, histories: np.ndarray, nodes: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Append the words that end at nodes; return old indices and new histories."""
        tree, begin = self.tree, self.tree.begin[nodes]
        index, places = ranges(begin, tree.begin[nodes + 1] - begin)
        parents, words = histories[index], tree.words[places].astype(np.int64)
        rows, new = self._numbers.numbers(parents << _BITS | words)
        if new.size:
            self._add(parents[new], words[new])
        return index, 1 + rows

    @property
    def count(self) -> int:
        """Number of rows in use."""
        return 1 + self._numbers.count

    def _add(self, parents: np.ndarray, words: np.ndarray) -> None:
        """Add rows for words after parents; the last of all rows."""
        old, new = self.rows[parents], np.zeros(len(words), self.rows.dtype)
        new["parent"], new["word"] = parents, words
        probs, new["context"] = self.language.extend(old["context"], words)
        new["log_prob"] = old["log_prob"] + np.log(np.maximum(probs, TINY))
        if self.hotwords:
            new["state"], gains = self.hotwords.follow(old["state"], words)
            new["reward"] = old["reward"] + gains
        new["score"] = self.weight * new["log_prob"] + new["reward"]
        future, *others = [*new["context"].T, new["state"]]
        for table, other in zip(self._futures, others, strict=True):
            future, _ = table.numbers(future << _BITS | other)
        new["future"] = 1 + future
        while self.count > len(self.rows):
            self.rows = np.concatenate([self.rows, np.zeros_like(self.rows)])
        self.rows[self.count - len(new) : self.count] = new

    def words(self, history: int) -> tuple[int, ...]:
        """Return the words of a history."""
        words: tuple[int, ...] = ()
        while history:
            words = (int(self.rows["word"][history]), *words)
            history = int(self.rows["parent"][history])
        return words


def ranges(first: np.ndarray, counts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return all numbers of ranges, and before them the index of each one's range."""
    index = np.repeat(np.arange(len(first)), counts)
    before = np.cumsum(counts) - counts
    return index, np.arange(len(index)) - before[index] + first[index]
