"""Cross-entropy by hand; CTC against enumeration, Keras and plain loops."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
import tensorflow as tf
from keras import ops

from asr.model.kernels.cross_entropy import smoothed_cross_entropy
from asr.model.kernels.ctc import ctc_losses
from asr.model.losses import cross_entropy, ctc

VOCABULARY = 4


def log_probs_of(seed, batch, frames, vocabulary=VOCABULARY):
    logits = np.random.default_rng(seed).normal(size=(batch, frames, vocabulary)) * 2
    return (logits - np.log(np.exp(logits).sum(-1, keepdims=True))).astype("float32")


def collapse(path):
    return tuple(symbol for symbol, _ in itertools.groupby(path) if symbol)


def enumerated(log_probs, labels):
    """-log of the sum over all paths of one utterance that collapse to the labels."""
    frames, vocabulary = log_probs.shape
    total = 0.0
    for path in itertools.product(range(vocabulary), repeat=frames):
        if collapse(path) == tuple(labels):
            total += math.exp(sum(log_probs[t, s] for t, s in enumerate(path)))
    return -math.log(total)


def plain_ctc(log_probs, labels):
    """The recursion of the definition for one utterance, one state at a time."""
    states = [0, *itertools.chain.from_iterable((label, 0) for label in labels)]
    never = tf.constant(-1e9)
    alpha = [tf.constant(0.0)] + [never] * (len(states) - 1)
    for frame in log_probs:
        following = []
        for s, symbol in enumerate(states):
            terms = alpha[max(s - 1, 0) : s + 1]
            if s > 1 and symbol not in (0, states[s - 2]):
                terms = [alpha[s - 2], *terms]
            following.append(tf.reduce_logsumexp(terms) + frame[symbol])
        alpha = following
    return -tf.reduce_logsumexp(alpha[-2:])


def plain_cross_entropy(logits, labels, smoothing):
    targets = tf.one_hot(labels, logits.shape[-1]) * (1.0 - smoothing)
    targets += smoothing / logits.shape[-1]
    return -tf.reduce_sum(targets * tf.nn.log_softmax(logits), axis=-1)


def with_gradient(loss, values):
    values = tf.constant(values)
    with tf.GradientTape() as tape:
        tape.watch(values)
        result = loss(values)
    return np.asarray(result), np.asarray(tape.gradient(result, values))


def padded(sequences, width):
    rows = [list(row) + [0] * (width - len(row)) for row in sequences]
    return np.array(rows, "int32"), np.array([len(row) for row in sequences], "int32")


SEQUENCES = [(1,), (1, 2), (1, 1), (2, 3, 2), (3, 3, 1), ()]


def test_ctc_equals_the_sum_over_all_paths():
    log_probs = log_probs_of(0, len(SEQUENCES), 5)
    labels, lengths = padded(SEQUENCES, 3)
    frames = np.full(len(SEQUENCES), 5, "int32")
    losses = ctc_losses(log_probs, frames, labels, lengths)
    expected = [
        enumerated(row, sequence)
        for row, sequence in zip(log_probs, SEQUENCES, strict=True)
    ]
    np.testing.assert_allclose(losses, expected, rtol=1e-5)


def test_ctc_reads_neither_padded_frames_nor_padded_labels():
    log_probs = log_probs_of(1, 3, 6)
    labels, lengths = padded([(1, 2), (3,), (2, 2)], 4)
    labels[0, 2:] = 3  # what stands in the padding is no label
    frames = np.array([4, 2, 5], "int32")
    losses = ctc_losses(log_probs, frames, labels, lengths)
    expected = [
        enumerated(log_probs[row, :count], labels[row, : lengths[row]])
        for row, count in enumerate(frames)
    ]
    np.testing.assert_allclose(losses, expected, rtol=1e-5)


def test_ctc_of_values_that_are_no_numbers_is_none():
    log_probs = log_probs_of(1, 2, 4)
    log_probs[1] = np.nan
    labels, lengths = padded([(1, 2), (1, 2)], 2)
    losses = ctc_losses(log_probs, np.array([4, 4], "int32"), labels, lengths)
    assert np.isfinite(losses[0])
    assert np.isnan(losses[1])


def test_ctc_and_its_gradient_equal_those_of_keras():
    random = np.random.default_rng(2)
    logits = random.normal(size=(5, 30, 9)).astype("float32")
    frames = np.array([30, 21, 30, 8, 15], "int32")
    lengths = np.array([7, 1, 12, 3, 5], "int32")
    labels = random.integers(1, 9, (5, 12)).astype("int32")
    labels[2, 3] = labels[2, 4]
    labels[4, :2] = 5

    def ours(values):
        return tf.reduce_sum(
            ctc_losses(ops.log_softmax(values), frames, labels, lengths)
        )

    def keras(values):
        losses = ops.ctc_loss(labels, values, lengths, frames, mask_index=0)
        return tf.reduce_sum(losses)

    loss, gradient = with_gradient(ours, logits)
    expected, expected_gradient = with_gradient(keras, logits)
    np.testing.assert_allclose(loss, expected, rtol=1e-5)
    np.testing.assert_allclose(gradient, expected_gradient, atol=1e-5)


@pytest.mark.parametrize("labels", [*SEQUENCES, (1, 2, 2, 3)])
def test_ctc_and_its_gradient_equal_the_plain_loop(labels):
    log_probs = log_probs_of(3, 1, 7)
    row, lengths = padded([labels], 5)
    frames = np.array([6], "int32")
    loss, gradient = with_gradient(
        lambda values: ctc_losses(values, frames, row, lengths)[0], log_probs
    )
    expected, right = with_gradient(
        lambda values: plain_ctc(tf.unstack(values[0])[:6], labels), log_probs
    )
    np.testing.assert_allclose(loss, expected, rtol=1e-5)
    np.testing.assert_allclose(gradient, right, atol=1e-5)


def test_ctc_gradient_equals_finite_differences():
    log_probs = log_probs_of(3, 1, 4).astype("float64")
    labels, lengths = padded([(2, 2)], 2)
    frames = np.array([4], "int32")
    _, gradient = with_gradient(
        lambda values: tf.reduce_sum(ctc_losses(values, frames, labels, lengths)),
        log_probs.astype("float32"),
    )
    step = 1e-5
    for t, symbol in itertools.product(range(4), range(VOCABULARY)):
        changed = log_probs[0].copy()
        changed[t, symbol] += step
        above = enumerated(changed, (2, 2))
        changed[t, symbol] -= 2 * step
        below = enumerated(changed, (2, 2))
        slope = (above - below) / (2 * step)
        assert gradient[0, t, symbol] == pytest.approx(slope, abs=1e-4)


def test_ctc_gradient_follows_the_upstream_gradient():
    log_probs = log_probs_of(4, 2, 5)
    labels, lengths = padded([(1, 2), (3,)], 2)
    frames = np.array([5, 4], "int32")
    scale = np.array([3.0, -0.5], "float32")

    def loss(factors):
        return lambda values: tf.reduce_sum(
            ctc_losses(values, frames, labels, lengths) * factors
        )

    _, plain = with_gradient(loss(np.ones(2, "float32")), log_probs)
    _, scaled = with_gradient(loss(scale), log_probs)
    np.testing.assert_allclose(scaled, plain * scale[:, None, None], rtol=1e-5)
    assert not plain[1, 4].any()  # a padded frame


@pytest.mark.parametrize(
    ("labels", "frames"),
    [((1, 2, 3), 2), ((1, 1), 2), ((2, 2, 2), 4), ((1,), 0)],
    ids=["too long", "no room for a blank", "repeats", "no frames"],
)
def test_a_sequence_that_does_not_fit_adds_nothing(labels, frames):
    sequences, lengths = padded([labels, (1,)], 3)
    counts = np.array([frames, 5], "int32")
    logits = np.random.default_rng(5).normal(size=(2, 5, VOCABULARY)).astype("float32")

    def loss(values):
        return tf.reduce_sum(
            ctc_losses(ops.log_softmax(values), counts, sequences, lengths)
        )

    value, gradient = with_gradient(loss, logits)
    alone = ctc_losses(
        ops.log_softmax(logits[1:]), counts[1:], sequences[1:], lengths[1:]
    )
    assert value == pytest.approx(float(alone[0]), rel=1e-5)
    assert np.isfinite(gradient).all()
    assert not gradient[0].any()
    assert gradient[1].any()


def test_a_sequence_that_just_fits_counts():
    log_probs = log_probs_of(6, 1, 3)
    labels, lengths = padded([(1, 1)], 2)
    losses = ctc_losses(log_probs, np.array([3], "int32"), labels, lengths)
    expected = -(log_probs[0, 0, 1] + log_probs[0, 1, 0] + log_probs[0, 2, 1])
    np.testing.assert_allclose(losses, [expected], rtol=1e-6)


def test_no_labels_at_all():
    log_probs = log_probs_of(7, 2, 3)
    losses = ctc_losses(
        log_probs,
        np.array([3, 2], "int32"),
        np.zeros((2, 0), "int32"),
        np.zeros(2, "int32"),
    )
    expected = [-log_probs[0, :, 0].sum(), -log_probs[1, :2, 0].sum()]
    np.testing.assert_allclose(losses, expected, rtol=1e-6)


def test_certain_predictions_give_no_loss_and_wrong_ones_a_finite_loss():
    logits = np.full((2, 4, VOCABULARY), -1000.0, "float32")
    for t, symbol in enumerate((1, 0, 2, 2)):
        logits[:, t, symbol] = 1000.0
    labels, lengths = padded([(1, 2), (3,)], 2)
    frames = np.array([4, 4], "int32")
    losses, gradient = with_gradient(
        lambda values: ctc_losses(ops.log_softmax(values), frames, labels, lengths),
        logits,
    )
    assert losses[0] == pytest.approx(0.0, abs=1e-5)
    assert np.isfinite(losses[1])
    assert losses[1] > 1000
    assert np.isfinite(gradient).all()


def test_ctc_is_a_mean_over_labels():
    logits = np.random.default_rng(8).normal(size=(2, 6, VOCABULARY)).astype("float32")
    labels, lengths = padded([(1, 2, 3), (2,)], 3)
    frames = np.array([6, 5], "int32")
    losses = np.asarray(ctc_losses(ops.log_softmax(logits), frames, labels, lengths))
    loss = ctc(logits, frames, labels, lengths)
    np.testing.assert_allclose(loss, losses.sum() / 4, rtol=1e-6)


def test_ctc_of_nothing_but_silence_is_finite():
    logits = np.zeros((1, 4, VOCABULARY), "float32")
    labels, lengths = padded([()], 1)
    loss = ctc(logits, np.array([4], "int32"), labels, lengths)
    np.testing.assert_allclose(loss, 4 * math.log(VOCABULARY), rtol=1e-6)


def test_cross_entropy_by_hand():
    probabilities = np.array(
        [[[0.25, 0.5, 0.25], [0.1, 0.8, 0.1]], [[0.2, 0.2, 0.6], [0.05, 0.9, 0.05]]]
    )
    logits = np.log(probabilities).astype("float32") + 7.0
    labels = np.array([[1, 1], [2, 1]], "int32")
    loss = cross_entropy(logits, labels, np.array([2, 1], "int32"))
    expected = -(math.log(0.5) + math.log(0.8) + math.log(0.6)) / 3
    np.testing.assert_allclose(loss, expected, rtol=1e-6)


def test_the_blank_stands_for_no_label():
    logits = np.log(np.array([[[0.25, 0.5, 0.25], [0.1, 0.8, 0.1]]])).astype("float32")
    labels, lengths = np.array([[1, 0]], "int32"), np.array([2], "int32")
    loss = cross_entropy(logits, labels, lengths)
    np.testing.assert_allclose(loss, -math.log(0.5), rtol=1e-6)


def test_smoothing_by_hand():
    probabilities = np.array([[[0.25, 0.5, 0.25]]])
    logits = np.log(probabilities).astype("float32")
    loss = cross_entropy(logits, np.array([[1]], "int32"), np.array([1], "int32"), 0.3)
    target = np.array([0.1, 0.8, 0.1])
    np.testing.assert_allclose(loss, -(target * np.log(probabilities)).sum(), rtol=1e-6)


def test_gradient_with_smoothing_by_hand():
    # Probabilities less targets: 0.1 of the mass is an even share of each token.
    logits = np.log(np.array([[[0.5, 0.25, 0.25]]])).astype("float32")
    labels = np.array([[0]], "int32")
    _, gradient = with_gradient(
        lambda values: smoothed_cross_entropy(values, labels, 0.3), logits
    )
    expected = [0.5 - 0.8, 0.25 - 0.1, 0.25 - 0.1]
    np.testing.assert_allclose(gradient[0, 0], expected, atol=1e-6)


@pytest.mark.parametrize("smoothing", [0.0, 0.3])
def test_cross_entropy_and_its_gradient_equal_the_definition(smoothing):
    random = np.random.default_rng(10)
    logits = random.normal(size=(2, 5, 4)).astype("float32") * 3
    labels = random.integers(0, 4, (2, 5)).astype("int32")
    scale = random.normal(size=(2, 5)).astype("float32")
    loss, gradient = with_gradient(
        lambda values: scale * smoothed_cross_entropy(values, labels, smoothing), logits
    )
    expected, right = with_gradient(
        lambda values: scale * plain_cross_entropy(values, labels, smoothing), logits
    )
    np.testing.assert_allclose(loss, expected, atol=1e-5)
    np.testing.assert_allclose(gradient, right, atol=1e-6)


def test_cross_entropy_ignores_padding():
    random = np.random.default_rng(9)
    logits = random.normal(size=(2, 5, 4)).astype("float32")
    labels = random.integers(1, 4, (2, 5)).astype("int32")
    lengths = np.array([2, 3], "int32")
    whole, gradient = with_gradient(
        lambda values: cross_entropy(values, labels, lengths, 0.1), logits
    )
    short = cross_entropy(logits[:, :3], labels[:, :3], lengths, 0.1)
    np.testing.assert_allclose(whole, short, rtol=1e-6)
    assert not gradient[0, 2:].any()
