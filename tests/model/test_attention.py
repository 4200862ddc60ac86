"""Additive attention: the formula in NumPy, masks, location features."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from asr.config.schema import AttentionConfig
from asr.model.attention_variants import build_attention
from asr.model.ops import sequence_mask
from tests.layer_checks import AttentionChecks

QUERY, MEMORY = 3, 5
PLAIN = AttentionConfig(units=4, location_filters=0)
LOCATED = AttentionConfig(units=4, location_filters=2, location_width=5)


def build(config, seed=0):
    layer = build_attention(config)
    layer.build((None, QUERY), (None, None, MEMORY))
    random = np.random.default_rng(seed)
    for weight in layer.weights:
        weight.assign(random.normal(size=weight.shape))
    return layer


def numbers(batch=2, beam=3, frames=8, seed=1):
    random = np.random.default_rng(seed)
    memory = random.normal(size=(batch, frames, MEMORY)).astype("float32")
    query = random.normal(size=(batch, beam, QUERY)).astype("float32")
    state = random.uniform(size=(batch, beam, frames)).astype("float32")
    return memory, query, state


def by_hand(layer, memory, query, state):
    """Weights of one query over one unpadded memory, as in the papers."""
    values = {weight.name: np.asarray(weight) for weight in layer.weights}
    hidden = query @ values["query_kernel"] + memory @ values["key_kernel"]
    hidden = hidden + values["bias"]
    if layer.location_filters:
        width = layer.location_width
        padded = np.pad(state, ((width - 1) // 2, width - 1 - (width - 1) // 2))
        features = np.stack(
            [padded[s : s + width] @ values["filters"] for s in range(len(memory))]
        )
        hidden = hidden + features @ values["filter_kernel"]
    energy = (np.tanh(hidden) @ values["energy"])[:, 0]
    weights = np.exp(energy - energy.max())
    return weights / weights.sum()


@pytest.mark.parametrize(
    "config",
    [
        PLAIN,
        LOCATED,
        replace(LOCATED, location_width=4),
        replace(LOCATED, location_width=31),
    ],
)
def test_the_formula(config):
    layer = build(config)
    memory, query, state = numbers()
    lengths = (8, 5)
    state[1, :, 5:] = 0.0  # no weight ever lies in the padding
    prepared = layer.prepare(memory, sequence_mask(np.array(lengths), 8))
    context, weights, following = layer.attend(query, prepared, state)
    for row, length in enumerate(lengths):
        for k in range(3):
            expected = by_hand(
                layer, memory[row, :length], query[row, k], state[row, k, :length]
            )
            np.testing.assert_allclose(weights[row, k, :length], expected, atol=1e-6)
            np.testing.assert_allclose(
                context[row, k], expected @ memory[row, :length], atol=1e-5
            )
    np.testing.assert_allclose(following, state + np.asarray(weights), rtol=1e-6)


@pytest.mark.parametrize("config", [PLAIN, LOCATED])
def test_the_padding_gets_exactly_nothing(config):
    layer = build(config)
    memory, query, state = numbers()
    memory[:, 4:] = 1e3
    state[:, :, 4:] = 0.0
    prepared = layer.prepare(memory, sequence_mask(np.array([4, 1]), 8))
    _, weights, _ = layer.attend(query, prepared, state)
    assert not np.asarray(weights)[:, :, 4:].any()
    np.testing.assert_allclose(np.asarray(weights).sum(-1), 1.0, rtol=1e-6)
    np.testing.assert_array_equal(np.asarray(weights)[1, :, 0], 1.0)


def test_location_features_move_the_weights():
    layer = build(LOCATED)
    memory, query, state = numbers()
    prepared = layer.prepare(memory, sequence_mask(np.array([8, 8]), 8))
    start = layer.initial_state(prepared, 3)
    assert start.shape == state.shape
    assert not np.asarray(start).any()
    _, first, _ = layer.attend(query, prepared, start)
    _, second, _ = layer.attend(query, prepared, state)
    assert not np.allclose(first, second)
    plain = build(PLAIN)
    prepared = plain.prepare(memory, sequence_mask(np.array([8, 8]), 8))
    _, first, _ = plain.attend(query, prepared, start)
    _, second, _ = plain.attend(query, prepared, state)
    np.testing.assert_array_equal(np.asarray(first), np.asarray(second))


def test_dropped_weights_change_the_context_only():
    layer = build(LOCATED)
    memory, query, state = numbers()
    prepared = layer.prepare(memory, sequence_mask(np.array([8, 8]), 8))
    dropout_mask = np.zeros_like(state)
    dropout_mask[..., 2] = 2.0
    context, weights, following = layer.attend(query, prepared, state, dropout_mask)
    _, expected, _ = layer.attend(query, prepared, state)
    np.testing.assert_array_equal(np.asarray(weights), np.asarray(expected))
    np.testing.assert_allclose(following, state + np.asarray(weights), rtol=1e-6)
    np.testing.assert_allclose(
        context, 2.0 * np.asarray(weights)[..., 2:3] * memory[:, None, 2], rtol=1e-5
    )


class TestBahdanau(AttentionChecks):
    """The harness of all layers."""

    config = LOCATED
    query_units, memory_units = QUERY, MEMORY


class TestBahdanauWithoutLocation(TestBahdanau):
    """The same without location features."""

    config = PLAIN
