"""The trie of word n-grams against n-grams by keys."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from asr.decoding.word_ngrams import WordNGrams, quantised
from asr.language_model.kneser_ney import train_ngrams
from asr.language_model.tables import unpacked, word_ngrams

V = 9


def trained(order, seed=0):
    random = np.random.default_rng(seed)
    texts = [random.integers(3, V, random.integers(1, 8)).tolist() for _ in range(60)]
    return train_ngrams(texts, V, start=1, end=2, least=[1] * (order - 1), rare=order)


def log_prob(trie, text):
    """Sum along the histories of one text."""
    history, total = trie.start(), 0.0
    for word in text:
        probs, history = trie.extend(history, np.array([word]))
        total += float(np.log(probs[0]))
    return total


def by_keys(ngrams, text):
    total, context = 0.0, [1]
    for word in text:
        size = min(len(context), len(ngrams.levels))
        key = sum(w * V**i for i, w in enumerate(reversed(context[-size:])))
        probs = ngrams.probabilities(size, np.array([key]), np.array([word]))
        total += float(np.log(probs[0]))
        context.append(word)
    return total


@pytest.mark.parametrize("order", [2, 3, 4])
def test_probabilities_of_whole_texts(order):
    ngrams = trained(order)
    assert len(ngrams.levels) == order - 1
    trie = word_ngrams(ngrams)
    random = np.random.default_rng(1)
    for _ in range(50):
        text = [*random.integers(3, V, random.integers(0, 8)).tolist(), 2]
        assert log_prob(trie, text) == pytest.approx(by_keys(ngrams, text), rel=1e-4)


def test_many_histories_at_once_are_those_one_by_one():
    trie = word_ngrams(trained(3))
    pairs = list(itertools.product(range(2, V), repeat=2))
    histories = np.concatenate([trie.start()] * len(pairs))
    probs, histories = trie.extend(histories, np.array([a for a, _ in pairs]))
    more, _ = trie.extend(histories, np.array([b for _, b in pairs]))
    for (a, b), first, second in zip(pairs, probs, more, strict=True):
        expected = log_prob(trie, [a, b])
        assert np.log(first) + np.log(second) == pytest.approx(expected)


@pytest.mark.parametrize("order", [2, 3, 4])
def test_stored_and_unpacked(order):
    ngrams = trained(order)
    trie = WordNGrams.from_arrays(word_ngrams(ngrams).arrays())
    again = unpacked(trie)
    again.check()
    text = [3, 4, 3, 8, 8, 5, 2]
    assert by_keys(again, text) == pytest.approx(by_keys(ngrams, text), rel=1e-4)


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("entries_1", lambda array: array[:-1]),
        ("begin_2", lambda array: array[::-1]),
        ("begin_1", lambda array: array.astype(float)),
        ("backoffs_2", lambda array: array.astype("uint16")),
        ("weights_1", lambda array: array[:9]),
        ("unigrams", lambda array: array + 2),
        ("unigrams", lambda array: array[:, None]),
        ("first", lambda array: array + V),
    ],
)
def test_arrays_that_do_not_fit(name, change):
    arrays = word_ngrams(trained(3)).arrays()
    with pytest.raises(ValueError, match=r"contexts of|unigrams"):
        WordNGrams.from_arrays(arrays | {name: change(arrays[name])})
    arrays.pop("entries_1")
    with pytest.raises(LookupError):
        WordNGrams.from_arrays(arrays)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.floats(0, 1, width=32), min_size=1, max_size=600))
def test_quantised_values_keep_their_order(values):
    values = np.array(values, np.float32)
    codes, table = quantised(values)
    found = table[codes]
    if len(set(values.tolist())) <= 256:
        np.testing.assert_array_equal(found, values)
    np.testing.assert_array_equal(found == 0, values == 0)
    order = np.argsort(values, kind="stable")
    assert np.all(np.diff(found[order]) >= 0)


def test_many_different_values_are_near():
    values = np.random.default_rng(0).uniform(0.001, 1, 100_000)
    codes, table = quantised(values)
    assert np.abs(table[codes] / values - 1).mean() < 0.02
