"""Words beyond the vocabulary of a language model, added for one search."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Sequence

import numpy as np

from asr.arrays import pad_rows
from asr.decoding.word_histories import WordModel
from asr.language_model.model import FIRST, UNKNOWN, Words

UNKNOWN_SHARE = 1e-2
"""Probability of an added word among all that the language model does not know."""


class OpenVocabulary:
    """Predicts the words of a language model, and added ones; used as a `WordModel`.

    The tokens of added words follow those of the vocabulary. What comes after an added
    word is predicted as after the tokens that it stands for.

    Args:
        ngrams: Predicts the tokens of the vocabulary.
        size: Number of these tokens.
        added: Tokens that each added word stands for; `UNKNOWN` for a word that the
            vocabulary lacks. A phrase stands for several.
    """

    def __init__(
        self, ngrams: WordModel, size: int, added: Sequence[Sequence[int]]
    ) -> None:
        self.ngrams, self.size = ngrams, size
        self.added = pad_rows(added, max(map(len, added)), "int64")

    def start(self) -> np.ndarray:
        """Return the history before a text, (1, H) int64."""
        return self.ngrams.start()

    def extend(
        self, histories: np.ndarray, words: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Predict words; see `WordModel`."""
        rows = np.flatnonzero(words >= self.size)
        parts = self.added[words[rows] - self.size]
        tokens = words.copy()
        tokens[rows] = parts[:, 0]
        probs, longer = self.ngrams.extend(histories, tokens)
        probs[rows] *= _shares(parts[:, 0])
        for column in range(1, self.added.shape[1]):
            more = np.flatnonzero(parts[:, column])
            rows, parts = rows[more], parts[more]
            if not rows.size:
                break
            part = parts[:, column]
            factors, longer[rows] = self.ngrams.extend(longer[rows], part)
            probs[rows] *= factors * _shares(part)
        return probs, longer


def added_log_probs(unigrams: np.ndarray, added: Sequence[Sequence[int]]) -> np.ndarray:
    """Return log probabilities of added words without a context, (A,)."""
    return np.array(
        [
            np.log(np.maximum(unigrams[tokens] * _shares(tokens), 1e-30)).sum()
            for tokens in map(np.array, added)
        ]
    )


def _shares(tokens: np.ndarray) -> np.ndarray:
    return np.where(tokens == UNKNOWN, UNKNOWN_SHARE, 1.0)


def token_of(words: Words, word: str) -> int:
    """Return the token of a word; `UNKNOWN` if the vocabulary lacks it."""
    place = bisect_left(words.vocabulary, word)
    known = place < len(words.vocabulary) and words.vocabulary[place] == word
    return FIRST + place if known else UNKNOWN


def unpronounced(words: Words, wanted: Iterable[str]) -> list[str]:
    """Return those of some words that have no pronunciation, sorted."""
    if words.lexicon is None:
        return sorted(set(wanted))
    tokens = {word: token_of(words, word) for word in wanted}
    spoken = np.isin(np.array([*tokens.values()], np.int64), words.lexicon.tree.words)
    return sorted(word for word, has in zip(tokens, spoken, strict=True) if not has)
