"""The pointer-generator's mixture and the coverage loss, against NumPy."""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from asr.model.pointer_generator import coverage_loss, mixture

BATCH, STEPS, FRAMES, SIZE = 2, 3, 5, 7


def numbers(seed=0):
    random = np.random.default_rng(seed)
    logits = random.normal(size=(BATCH, STEPS, SIZE)).astype("float32")
    weights = random.dirichlet(np.ones(FRAMES), (BATCH, STEPS)).astype("float32")
    gate = random.normal(size=(BATCH, STEPS, 1)).astype("float32")
    source = random.integers(0, SIZE, (BATCH, FRAMES)).astype("int32")
    source[0, :2] = 4  # the same token twice: its weights add up
    return logits, weights, gate, source


def test_the_formula():
    logits, weights, gate, source = numbers()
    share = 1 / (1 + np.exp(-gate))
    own = np.exp(logits) / np.exp(logits).sum(-1, keepdims=True)
    copied = np.zeros_like(logits)
    for b in range(BATCH):
        for u in range(STEPS):
            np.add.at(copied[b, u], source[b], weights[b, u])
    expected = share * own + (1 - share) * copied
    found = np.asarray(mixture(logits, weights, gate, source))
    np.testing.assert_allclose(np.exp(found), expected, rtol=1e-4)
    np.testing.assert_allclose(np.exp(found).sum(-1), 1.0, rtol=1e-5)


def test_gradients_reach_all_parts():
    logits, weights, gate, source = map(tf.constant, numbers())
    with tf.GradientTape() as tape:
        tape.watch([logits, weights, gate])
        loss = -tf.reduce_sum(mixture(logits, weights, gate, source)[..., 4])
    for gradient in tape.gradient(loss, [logits, weights, gate]):
        assert np.isfinite(gradient).all()
        assert np.asarray(gradient).any()


def test_nothing_is_impossible_by_rounding():
    logits, weights, _, source = numbers()
    logits[..., 3] = -1e9
    found = mixture(
        logits, weights, np.full((BATCH, STEPS, 1), 50.0, "float32"), source
    )
    assert np.isfinite(found).all()


def test_coverage_counts_what_is_seen_again():
    weights = np.zeros((1, 4, 3), "float32")
    weights[0, 0, 0] = weights[0, 1, 1] = weights[0, 2, 1] = 1.0
    weights[0, 3] = 1 / 3  # beyond the length
    lengths = np.array([3], "int32")
    np.testing.assert_allclose(coverage_loss(weights, lengths), 1 / 3, rtol=1e-6)
    # Half of the second look goes back: half of it is counted.
    weights[0, 1] = [0.5, 0.5, 0.0]
    weights[0, 2] = [0.0, 0.0, 1.0]
    np.testing.assert_allclose(coverage_loss(weights, lengths), 0.5 / 3, rtol=1e-6)
