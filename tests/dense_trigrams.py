"""A language model of words that tests can enumerate."""

from __future__ import annotations

import numpy as np

FIRST = 1  # word before a text


class DenseTrigrams:
    """Trigrams in a dense table; a history is the last two words.

    Args:
        chances: Probability of each word after each two words, (V, V, V).
    """

    def __init__(self, chances: np.ndarray) -> None:
        self.chances = chances

    def start(self) -> np.ndarray:
        """See `asr.decoding.word_histories.WordModel`."""
        return np.array([[FIRST, FIRST]])

    def extend(
        self, histories: np.ndarray, words: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """See `asr.decoding.word_histories.WordModel`."""
        before, last = histories.T
        return self.chances[before, last, words], np.stack([last, words], axis=1)
