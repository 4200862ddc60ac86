"""Entropy pruning against the entropy itself."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from asr.language_model.kneser_ney import train_ngrams
from asr.language_model.pruning import _losses, prune
from asr.language_model.tables import ngram_automaton

V = 8


def texts(seed, count):
    """Texts of a language in which the last two words tell much of the next."""
    chances = np.random.default_rng(9).dirichlet(np.full(V - 3, 0.3), size=(V, V))
    random, texts = np.random.default_rng(seed), []
    for _ in range(count):
        text = [1, 1]
        for _ in range(random.integers(1, 9)):
            text.append(3 + int(random.choice(V - 3, p=chances[text[-2], text[-1]])))
        texts.append(text[2:])
    return texts


@pytest.fixture(scope="module")
def ngrams():
    return train_ngrams(texts(3, 300), V, start=1, end=2, least=(1, 2), rare=9)


def distribution(ngrams, context):
    keys = np.full(V, sum(w * V**i for i, w in enumerate(reversed(context))))
    return ngrams.probabilities(len(context), keys, np.arange(V))


def test_nothing_goes_while_there_is_room(ngrams):
    count = sum(len(level.grams) for level in ngrams.levels)
    assert prune(ngrams, count) is ngrams


@pytest.mark.parametrize("most", [60, 30, 10, 1])
def test_probabilities_still_sum_to_one(ngrams, most):
    smaller = prune(ngrams, most)
    smaller.check()
    ngram_automaton(smaller)
    count = sum(len(level.grams) for level in smaller.levels)
    assert count < sum(len(level.grams) for level in ngrams.levels)
    for context in itertools.product([1, *range(3, V)], range(3, V)):
        total = distribution(smaller, context).sum()
        assert total == pytest.approx(distribution(ngrams, context).sum(), abs=2e-3)


def test_a_loss_is_the_relative_entropy(ngrams):
    """The sum over all words after the context, with the n-gram and without."""
    level = ngrams.levels[1]
    losses = _losses(ngrams, 2)
    for index in (0, 7, 20):
        before, word = divmod(int(level.grams[index]), V)
        context = divmod(before, V)
        old = distribution(ngrams, context)
        new = old.copy()
        discounted = np.exp(float(level.discounted[index]))
        shorter = distribution(ngrams, context[1:])
        new += discounted * shorter
        new[word] -= discounted
        expected = np.sum(old[3:] * np.log(old[3:] / new[3:]))
        expected += old[2] * np.log(old[2] / new[2])
        first = 0.05 if context[0] == 1 else distribution(ngrams, ())[context[0]]
        expected *= first * distribution(ngrams, context[:1])[context[1]]
        assert losses[index] == pytest.approx(expected, rel=0.2, abs=2e-4)


def test_the_least_loss_goes_first(ngrams, monkeypatch):
    """N-grams left out at random cost more, on texts like those of the training."""
    unseen, random = texts(4, 300), np.random.default_rng(5)

    def cost(model):
        automaton = ngram_automaton(model)
        total = 0.0
        for text in unseen:
            state = automaton.start
            for word in text:
                total -= automaton.scores[state, word]
                state = automaton.following[state, word]
        return total / sum(map(len, unseen))

    whole, best = cost(ngrams), cost(prune(ngrams, 40))
    monkeypatch.setattr(
        "asr.language_model.pruning._losses",
        lambda ngrams, size: random.uniform(size=len(ngrams.levels[size - 1].grams)),
    )
    assert whole < best
    assert best - whole < 0.7 * (cost(prune(ngrams, 40)) - whole)
