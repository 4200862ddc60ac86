"""Mixtures of n-grams: rows add up to one, and favour the model that predicts more."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from asr.decoding.hotwords import text_score
from asr.language_model.interpolation import interpolate
from asr.language_model.kneser_ney import train_ngrams
from asr.language_model.tables import ngram_automaton

START, END, TOKENS = 1, 2, 9
BOOKS = [[3, 4, 5], [3, 4, 5, 3, 4], [5, 3, 4], [4, 5, 3]] * 30
SPELLED = [[6, 7, 8, 6], [8, 7, 6], [7, 6, 8, 8, 7]]
TEXTS = st.lists(st.lists(st.integers(3, 8), max_size=9), min_size=1, max_size=8)


def trained(texts, least=(1, 1)):
    return train_ngrams(texts, TOKENS, start=START, end=END, least=least)


def perplexity(model, texts):
    rows = [[*text, END] for text in texts]
    return np.exp(-text_score(ngram_automaton(model), rows) / sum(map(len, rows)))


@settings(max_examples=60, deadline=None)
@given(one=TEXTS, other=TEXTS, share=st.sampled_from([0.01, 0.3]))
def test_rows_of_a_mixture_are_distributions(one, other, share):
    model = interpolate(trained(one), trained(other, (1, 1, 2)), share)
    model.check()
    everything = np.arange(TOKENS)
    for size, level in enumerate(model.levels, start=1):
        for context in level.contexts:
            row = model.probabilities(size, np.full(TOKENS, context), everything)
            assert row.sum() == pytest.approx(1.0, abs=5e-3)  # stored in half precision
            assert row.min() >= 0


def test_probabilities_are_weighted_by_context():
    """After `6 7` by hand: the weights are what each model gave to those two."""
    books, spelled, share = trained(BOOKS), trained(SPELLED), 0.1
    model = interpolate(books, spelled, share)

    def chance(model, *tokens):
        *context, last = (np.array([token]) for token in tokens)
        key = sum(token * TOKENS**at for at, token in enumerate(context[::-1]))
        return model.probabilities(len(context), key + np.zeros(1, int), last).item()

    weights = [
        part * chance(one, 6) * chance(one, 6, 7)
        for one, part in ((books, 1 - share), (spelled, share))
    ]
    both = [chance(one, 6, 7, 8) for one in (books, spelled)]
    expected = np.average(both, weights=weights)
    assert chance(model, 6, 7, 8) == pytest.approx(expected, rel=5e-3)
    assert weights[1] > 100 * weights[0]
    expected = 0.9 * books.unigrams + 0.1 * spelled.unigrams
    np.testing.assert_allclose(model.unigrams, expected, rtol=1e-6)


def test_perplexity_of_a_mixture():
    books, unseen = trained(BOOKS), [[6, 7, 8], [8, 6, 8, 7]]
    model = interpolate(books, trained(SPELLED), 0.05)
    assert perplexity(model, unseen) < 0.1 * perplexity(books, unseen)
    assert perplexity(model, BOOKS) < 1.1 * perplexity(books, BOOKS)


def test_a_model_mixed_with_itself_is_that_model():
    model = trained(BOOKS)
    for one, other in zip(
        ngram_automaton(interpolate(model, model, 0.3)),
        ngram_automaton(model),
        strict=True,
    ):
        np.testing.assert_allclose(one, other, atol=0.1)  # half precision


def test_the_longer_one_keeps_its_contexts():
    long, short = trained(SPELLED, (1, 1, 1)), trained(BOOKS, (1,))
    for one, other in ((long, short), (short, long)):
        model = interpolate(one, other, 0.5)
        assert [len(level.contexts) for level in model.levels[1:]] == [
            len(level.contexts) for level in long.levels[1:]
        ]
