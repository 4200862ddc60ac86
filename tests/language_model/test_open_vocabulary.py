"""Words added to the vocabulary of a language model."""

from __future__ import annotations

import numpy as np
import pytest

from asr.decoding.prefix_tree import phone_tree
from asr.language_model.model import FIRST, UNKNOWN, Names, PhoneLexicon, Words
from asr.language_model.open_vocabulary import (
    UNKNOWN_SHARE,
    OpenVocabulary,
    added_log_probs,
    token_of,
    unpronounced,
)
from tests.dense_trigrams import DenseTrigrams

SIZE = 7
CHANCES = np.random.default_rng(4).dirichlet(np.ones(SIZE), size=(SIZE, SIZE))
TOY = DenseTrigrams(CHANCES)


ADDED = [[UNKNOWN], [4, UNKNOWN, 5], [6, 4]]


def test_added_words_are_predicted_as_what_they_stand_for():
    language = OpenVocabulary(TOY, SIZE, ADDED)
    np.testing.assert_array_equal(language.start(), [[1, 1]])
    histories = np.array([[1, 4], [4, 5], [5, 6], [3, 3], [6, 4]])
    words = np.array([5, SIZE, SIZE + 1, 4, SIZE + 2])
    probs, longer = language.extend(histories, words)
    expected = [
        CHANCES[1, 4, 5],
        CHANCES[4, 5, UNKNOWN] * UNKNOWN_SHARE,
        CHANCES[5, 6, 4] * CHANCES[6, 4, UNKNOWN] * UNKNOWN_SHARE
        * CHANCES[4, UNKNOWN, 5],
        CHANCES[3, 3, 4],
        CHANCES[6, 4, 6] * CHANCES[4, 6, 4],
    ]  # fmt: skip
    np.testing.assert_allclose(probs, expected)
    after = [[4, 5], [5, UNKNOWN], [UNKNOWN, 5], [3, 4], [6, 4]]
    np.testing.assert_array_equal(longer, after)


def test_words_of_the_vocabulary_are_predicted_as_without_added_ones():
    random = np.random.default_rng(1)
    histories, words = (
        random.integers(SIZE, size=(50, 2)),
        random.integers(SIZE, size=50),
    )
    found = OpenVocabulary(TOY, SIZE, ADDED).extend(histories, words)
    for one, other in zip(found, TOY.extend(histories, words), strict=True):
        np.testing.assert_array_equal(one, other)


def test_log_probs_without_a_context():
    unigrams = np.array([0, 0, 0.1, 0.2, 0.3, 0.4, 0.0])
    found = added_log_probs(unigrams, ADDED)
    first = np.log(0.2 * UNKNOWN_SHARE)
    assert found[0] == pytest.approx(first)
    assert found[1] == pytest.approx(np.log(0.3) + first + np.log(0.4))
    assert np.isfinite(found[2])


@pytest.mark.parametrize("kind", [tuple, Names.of])
def test_tokens_and_words_without_a_pronunciation(kind):
    vocabulary = kind(["A", "AB", "B", "BE'S", "C"])
    lexicon = PhoneLexicon(("X",), phone_tree([(1,), (1, 1)], [FIRST, FIRST + 3]))
    words = Words(vocabulary, None, lexicon)
    for token, word in enumerate(vocabulary, start=FIRST):
        assert token_of(words, word) == token
    for word in ("", "AA", "D", "BE"):
        assert token_of(words, word) == UNKNOWN
    assert unpronounced(words, {"A", "AB", "BE'S", "ZOE"}) == ["AB", "ZOE"]
    assert unpronounced(words, ()) == []
    assert unpronounced(Words(vocabulary, None), ["A"]) == ["A"]
