"""The denominator of CTC-CRF, against the sum over all paths."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import tensorflow as tf
from keras import ops

from asr.model.kernels.denominator import (
    log_denominators,
    text_log_probs,
    trigram_probabilities,
)
from asr.model.losses import ctc

SYMBOLS = 4
FRAMES = np.array([5, 3, 1], "int32")
TEXTS = [(1, 2, 3), (1, 1, 2), (3, 3), ()]


@pytest.fixture(scope="module")
def trigrams():
    return trigram_probabilities(TEXTS, SYMBOLS - 1, 1.0)


@pytest.fixture
def logits():
    random = np.random.default_rng(0)
    return random.normal(size=(3, 5, SYMBOLS)).astype("float32") * 2


def log_softmax(logits):
    logits = logits.astype("float64")
    return logits - np.log(np.exp(logits).sum(-1, keepdims=True))


def text_probability(text, trigrams):
    padded = (0, 0, *text)
    return np.prod([trigrams[it] for it in zip(padded, padded[1:], text, strict=False)])


def enumerated(log_probs, trigrams):
    """The definition, path by path."""
    total = 0.0
    for path in itertools.product(range(SYMBOLS), repeat=len(log_probs)):
        text = tuple(symbol for symbol, _ in itertools.groupby(path) if symbol)
        likelihood = np.exp(sum(log_probs[t, it] for t, it in enumerate(path)))
        total += likelihood * text_probability(text, trigrams)
    return np.log(total)


def test_trigrams_are_counted_shares():
    table = trigram_probabilities(TEXTS, 3, 1e-9)
    np.testing.assert_allclose(table[0, 0], [0, 2 / 3, 0, 1 / 3], atol=1e-6)
    np.testing.assert_allclose(table[1, 2], [0, 0, 0, 1], atol=1e-6)


def test_trigrams_are_distributions_without_the_begin(trigrams):
    np.testing.assert_allclose(trigrams.sum(-1), 1.0, rtol=1e-6)
    assert (trigrams[..., 0] == 0).all()
    assert (trigrams[..., 1:] > 0).all()


def test_denominator_is_the_sum_over_all_paths(logits, trigrams):
    log_probs = log_softmax(logits)
    sums = log_denominators(log_probs.astype("float32"), FRAMES, trigrams)
    expected = [
        enumerated(row[:count], trigrams)
        for row, count in zip(log_probs, FRAMES, strict=True)
    ]
    np.testing.assert_allclose(sums, expected, rtol=1e-5)


def test_gradient_is_the_slope_of_the_sum(logits, trigrams):
    log_probs = log_softmax(logits)
    values = tf.constant(log_probs.astype("float32"))
    with tf.GradientTape() as tape:
        tape.watch(values)
        sums = log_denominators(values, FRAMES, trigrams)
        total = tf.reduce_sum(sums * [1.0, 2.0, 3.0])
    gradient = tape.gradient(total, values).numpy()
    expected, step = np.zeros_like(log_probs), 1e-5
    for row, count in enumerate(FRAMES):
        for place in itertools.product(range(count), range(SYMBOLS)):
            sides = []
            for sign in (step, -step):
                moved = log_probs[row, :count].copy()
                moved[place] += sign
                sides.append(enumerated(moved, trigrams))
            slope = (sides[0] - sides[1]) / (2 * step)
            expected[row][place] = (row + 1) * slope
    np.testing.assert_allclose(gradient, expected, atol=1e-5)


def test_long_utterances_neither_overflow_nor_vanish(trigrams):
    random = np.random.default_rng(1)
    log_probs = ops.log_softmax(random.normal(size=(2, 900, SYMBOLS)) * 30)
    log_probs = ops.cast(log_probs, "float32")
    with tf.GradientTape() as tape:
        tape.watch(log_probs)
        sums = log_denominators(log_probs, np.array([900, 450], "int32"), trigrams)
    gradient = tape.gradient(sums, log_probs).numpy()
    assert np.isfinite(sums).all()
    np.testing.assert_allclose(gradient[0].sum(-1), 1.0, atol=1e-4)
    np.testing.assert_allclose(gradient[1, 450:], 0.0)


def test_texts_have_the_product_of_their_trigrams(trigrams):
    labels = np.array([[1, 2, 3], [3, 3, 1], [2, 2, 2]], "int32")
    log_probs = text_log_probs(labels, np.array([3, 2, 0], "int32"), trigrams)
    expected = [text_probability(it, trigrams) for it in [(1, 2, 3), (3, 3), ()]]
    np.testing.assert_allclose(np.exp(log_probs), expected, rtol=1e-5)


@pytest.mark.parametrize("share", [0.25, 1.0])
def test_crf_loss_is_the_log_probability_of_the_text_among_all(logits, trigrams, share):
    labels, lengths = np.array([[1, 1, 2]], "int32"), np.array([3], "int32")
    plain = float(ctc(logits[:1], FRAMES[:1], labels, lengths))
    mixed = ctc(logits[:1], FRAMES[:1], labels, lengths, crf=share, trigrams=trigrams)
    others = enumerated(log_softmax(logits)[0], trigrams)
    text = np.log(text_probability((1, 1, 2), trigrams))
    posterior = -3 * plain + text - others
    np.testing.assert_allclose(
        mixed, (1 - share) * plain - share * posterior / 3, rtol=1e-5
    )


def test_crf_loss_of_a_text_that_does_not_fit_is_0(logits, trigrams):
    labels, lengths = np.array([[1, 1, 2]], "int32"), np.array([3], "int32")
    count = np.array([3], "int32")  # two equal phones need a blank between them
    loss = ctc(logits[:1], count, labels, lengths, crf=1.0, trigrams=trigrams)
    assert float(loss) == 0.0
