"""N-grams: rows add up to one, contexts are the longest ones, smoothing is right."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from asr.errors import DataError
from asr.language_model.kneser_ney import train_ngrams
from asr.language_model.ngrams import NGrams
from asr.language_model.tables import ngram_automaton

START, END = 1, 2
TEXTS = st.lists(st.lists(st.integers(3, 6), max_size=12), min_size=1, max_size=8)


def counted(texts, least=(1, 1, 1)):
    return train_ngrams(texts, 7, start=START, end=END, least=least)


def trained(texts, least=(1, 1, 1)):
    return ngram_automaton(counted(texts, least))


@settings(max_examples=60, deadline=None)
@given(texts=TEXTS, least=st.sampled_from([(1, 1, 1), (1, 2, 3), (2, 2, 9)]))
def test_every_row_is_a_distribution(texts, least):
    model = trained(texts, least=least)
    np.testing.assert_allclose(np.exp(model.scores).sum(axis=1), 1.0, rtol=1e-5)
    assert model.scores.shape == model.following.shape
    assert model.following.min() >= 0
    assert model.following.max() < len(model.following)
    assert np.exp(model.scores[:, [0, START]]).max() < 1e-20  # never written


@settings(max_examples=40, deadline=None)
@given(texts=TEXTS)
def test_states_are_the_longest_known_contexts(texts):
    """With all contexts kept, a state is the last three tokens, start included."""
    model = trained(texts)
    states: dict[tuple[int, ...], int] = {}
    for text in texts:
        state, context = model.start, (START,)
        for token in text:
            assert states.setdefault(context, state) == state
            state = int(model.following[state, token])
            context = (*context, token)[-3:]
    assert len(set(states.values())) == len(states)


def test_probabilities_against_a_worked_example():
    """Bigrams of `a b`, `a b`, `a c`, with the discounts for few texts: 0.5, 0.75."""
    a, b, c = 3, 4, 5
    model = trained([[a, b], [a, b], [a, c]], least=(1,))
    # Different tokens before each: a 1, b 1, c 1, end 2, of 5; and a little more.
    unigram = 0.999 * np.array([1, 1, 1, 2]) / 5 + 0.001 / 5
    after_a = model.following[model.start, a]
    expected = {
        b: (2 - 0.75) / 3 + (0.75 + 0.5) / 3 * unigram[1],
        c: (1 - 0.5) / 3 + (0.75 + 0.5) / 3 * unigram[2],
        a: (0.75 + 0.5) / 3 * unigram[0],
    }
    for token, probability in expected.items():
        assert np.exp(model.scores[after_a, token]) == pytest.approx(
            probability, rel=2e-3
        )


def test_longer_contexts_help():
    rng = np.random.default_rng(1)
    words = [rng.integers(3, 7, rng.integers(2, 6)) for _ in range(30)]
    texts = [
        np.concatenate([words[i] for i in rng.integers(0, 30, 8)]).tolist()
        for _ in range(450)
    ]
    texts, unseen = texts[50:], texts[:50]

    def loss(order):
        model = trained(texts, least=(1,) * (order - 1))
        total = count = 0
        for text in unseen:
            state = model.start
            for token in [*text, END]:
                total -= model.scores[state, token]
                state = model.following[state, token]
                count += 1
        return total / count

    losses = [loss(order) for order in (2, 3, 5)]
    assert losses[1] < losses[0] - 0.05
    assert losses[2] < losses[1] - 0.1


@pytest.mark.parametrize(
    ("texts", "least"),
    [([], (1, 1)), ([[3]], ()), ([[3]], (1,) * 29), ([[3]], (2, 1))],
)
def test_ngrams_that_cannot_be_counted(texts, least):
    with pytest.raises(DataError):
        trained(texts, least=least)


@settings(max_examples=30, deadline=None)
@given(texts=TEXTS)
def test_stored_and_read_again(texts):
    model = counted(texts)
    again = NGrams.from_arrays(model.arrays())
    for one, other in zip(ngram_automaton(model), ngram_automaton(again), strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("name", ["unigrams", "contexts_1", "grams_2", "passed_2"])
def test_damaged_arrays_are_refused(name):
    arrays = counted([[3, 4, 5], [3, 4, 6], [5, 6]]).arrays()
    with pytest.raises(DataError, match="not an n-gram model"):
        NGrams.from_arrays(arrays | {name: arrays[name][:-1]})
    with pytest.raises(DataError, match="not an n-gram model"):
        NGrams.from_arrays({key: arrays[key] for key in arrays if key != name})
