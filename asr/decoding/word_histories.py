"""Word sequences of a lexicon search, and the language model that scores them."""

from __future__ import annotations

import itertools
from typing import Protocol

import numpy as np

from asr.decoding.hotwords import HotwordScorer
from asr.decoding.prefix_tree import PhoneTree

TINY = 1e-30  # smallest probability of a word


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
        self.hotwords, self.count = hotwords, 1
        self.numbers: dict[tuple[int, int], int] = {}  # (parent, word) -> row
        self.futures: dict[bytes, int] = {}  # context and state -> number
        context = language.start()
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
        words = tree.words[places].tolist()
        pairs = list(zip(histories[index].tolist(), words, strict=True))
        new = [pair for pair in dict.fromkeys(pairs) if pair not in self.numbers]
        if new:
            self.numbers.update(zip(new, itertools.count(self.count), strict=False))
            self._add(np.array(new))
        return index, np.array([self.numbers[pair] for pair in pairs], np.int64)

    def _add(self, pairs: np.ndarray) -> None:
        """Add rows for (parent, word) pairs."""
        parents, words = pairs.T
        old, new = self.rows[parents], np.zeros(len(pairs), self.rows.dtype)
        new["parent"], new["word"] = parents, words
        probs, new["context"] = self.language.extend(old["context"], words)
        new["log_prob"] = old["log_prob"] + np.log(np.maximum(probs, TINY))
        if self.hotwords:
            new["state"], gains = self.hotwords.follow(old["state"], words)
            new["reward"] = old["reward"] + gains
        new["score"] = self.weight * new["log_prob"] + new["reward"]
        keys = np.column_stack([new["context"], new["state"]])
        futures = keys.view(f"V{keys.itemsize * keys.shape[1]}").ravel().tolist()
        numbers = itertools.count(self.count)
        new["future"] = [*map(self.futures.setdefault, futures, numbers)]
        end = self.count + len(new)
        while end > len(self.rows):
            self.rows = np.concatenate([self.rows, np.zeros_like(self.rows)])
        self.rows[self.count : end] = new
        self.count = end

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
