"""The other kinds of attention: their formulas, and what holds of all of them."""

from __future__ import annotations

from dataclasses import replace

import keras
import numpy as np
import pytest
import tensorflow as tf

from asr.config.schema import AttentionConfig, DecoderConfig, ModelConfig
from asr.errors import RecipeError
from asr.model.attention_variants import ATTENTIONS, build_attention
from asr.model.decoder import Decoder
from asr.model.decoder_cell import (
    Cell,
    DecoderInputs,
    DecoderState,
    advance,
    read_tokens,
)
from asr.model.ops import sequence_mask
from tests.layer_checks import AttentionChecks

QUERY, MEMORY, FRAMES, BEAM = 6, 5, 9, 3
LENGTHS = np.array([9, 4, 1])
BASE = AttentionConfig(units=4, heads=2, window=2, location_filters=2, location_width=5)
CONFIGS = {
    "bahdanau": BASE,
    "luong-dot": replace(BASE, kind="luong", score="dot"),
    "luong-general": replace(BASE, kind="luong"),
    "luong-concat": replace(BASE, kind="luong", score="concat"),
    "local-monotonic": replace(BASE, kind="local", centre="monotonic"),
    "local-predicted": replace(BASE, kind="local", centre="predicted"),
    "local-previous": replace(BASE, kind="local", centre="previous"),
    "multi_head": replace(BASE, kind="multi_head"),
    "cho": replace(BASE, kind="cho"),
    "sutskever": replace(BASE, kind="sutskever"),
    "hard": replace(BASE, kind="hard"),
}
BLIND = ("cho", "sutskever")  # without attention
everywhere = pytest.mark.parametrize("config", CONFIGS.values(), ids=CONFIGS)


def build(config, memory_units=MEMORY):
    layer = build_attention(config)
    values = QUERY if config.score == "dot" else memory_units
    layer.build((None, QUERY), (None, None, values))
    random = np.random.default_rng(0)
    for weight in layer.weights:
        weight.assign(0.7 * random.normal(size=weight.shape))
    return layer


def numbers(config, seed=1):
    """A memory (B, S, D) with noise in its padding, and queries (B, K, H)."""
    random = np.random.default_rng(seed)
    units = QUERY if config.score == "dot" else MEMORY
    memory = random.normal(size=(3, FRAMES, units)).astype("float32")
    query = random.normal(size=(3, BEAM, QUERY)).astype("float32")
    return memory, query


def look(layer, memory, query, lengths=LENGTHS, steps=1):
    prepared = layer.prepare(memory, sequence_mask(lengths, memory.shape[1]))
    state = layer.initial_state(prepared, query.shape[1])
    for _ in range(steps):
        context, weights, state = layer.attend(tf.constant(query), prepared, state)
    return np.asarray(context), np.asarray(weights), np.asarray(state)


def softmax(energies):
    weights = np.exp(energies - energies.max(axis=-1, keepdims=True))
    return weights / weights.sum(axis=-1, keepdims=True)


def test_every_kind_is_tested():
    assert {config.kind for config in CONFIGS.values()} == set(ATTENTIONS)


@everywhere
def test_weights_are_a_distribution_over_real_frames(config):
    memory, query = numbers(config)
    context, weights, _ = look(build(config), memory, query, steps=3)
    assert weights.shape == (3, BEAM, FRAMES)
    assert context.shape == (3, BEAM, memory.shape[-1])
    total = 0.0 if config.kind in BLIND else 1.0
    np.testing.assert_allclose(weights.sum(-1), total, rtol=1e-5)
    for row, length in enumerate(LENGTHS):
        assert not weights[row, :, length:].any()


@everywhere
def test_the_context_is_the_weighted_memory(config):
    if config.kind in (*BLIND, "multi_head"):
        pytest.skip("it projects what it has seen")
    memory, query = numbers(config)
    context, weights, _ = look(build(config), memory, query)
    np.testing.assert_allclose(context, weights @ memory, atol=1e-5)


@everywhere
def test_hypotheses_and_neighbours_do_not_matter(config):
    memory, query = numbers(config)
    layer = build(config)
    context, weights, _ = look(layer, memory, query, steps=2)
    for row, length in enumerate(LENGTHS):
        for k in range(BEAM):
            alone = look(
                layer,
                memory[row : row + 1, : max(length, 2)],
                query[row : row + 1, k : k + 1],
                LENGTHS[row : row + 1],
                steps=2,
            )
            np.testing.assert_allclose(context[row, k], alone[0][0, 0], atol=1e-5)
            np.testing.assert_allclose(
                weights[row, k, :length], alone[1][0, 0, :length], atol=1e-5
            )


@everywhere
def test_the_loop_over_tokens_is_made_of_steps(config):
    memory, _ = numbers(config)
    layer, width, random = build(config), memory.shape[-1], np.random.default_rng(2)

    def normal(*shape):
        return tf.constant(0.5 * random.normal(size=shape), "float32")

    cell = Cell(normal(width, 3 * QUERY), normal(QUERY, 3 * QUERY), normal(3 * QUERY))
    projected = normal(4, 3, 3 * QUERY)
    prepared = layer.prepare(memory, sequence_mask(LENGTHS, FRAMES))
    outputs = read_tokens(layer, DecoderInputs(cell, projected, prepared))
    zeros = tf.zeros((3, 1, QUERY)), tf.zeros((3, 1, width))
    state = DecoderState(*zeros, layer.initial_state(prepared, 1))
    for step in range(4):
        now = DecoderInputs(cell, projected[step][:, None], prepared)
        state, weights = advance(layer, now, state)
        for found, expected in zip(
            outputs, (state.hidden, state.context, weights), strict=True
        ):
            np.testing.assert_allclose(found[step], expected[:, 0], atol=1e-5)


@everywhere
def test_all_weights_learn(config):
    keras.utils.set_random_seed(0)
    sizes = DecoderConfig(units=QUERY, embedding=4, dropout=0.0, start="encoder")
    decoder = Decoder(ModelConfig(decoder=sizes, attention=config), 7)
    tokens = tf.constant([[1, 3, 4, 6], [1, 5, 3, 4], [1, 3, 3, 2]])
    memory, _ = numbers(config)

    @tf.function(
        input_signature=[tf.TensorSpec([None, None, memory.shape[-1]])],
    )
    def gradients(memory):
        with tf.GradientTape() as tape:
            logits, _ = decoder(tokens, memory, LENGTHS, training=True)
            loss = tf.reduce_sum(logits**2)
        return tape.gradient(loss, decoder.trainable_variables)

    decoder(tokens, memory, LENGTHS)  # creates the weights
    for weight, gradient in zip(
        decoder.trainable_variables, gradients(memory), strict=True
    ):
        values = np.asarray(tf.convert_to_tensor(gradient))
        assert np.isfinite(values).all(), weight.path
        if config.kind != "sutskever" or weight.name != "context_kernel":  # idle
            assert values.any(), weight.path


@pytest.mark.parametrize("name", ["luong-dot", "luong-general"])
def test_luong_by_hand(name):
    config = CONFIGS[name]
    memory, query = numbers(config)
    layer = build(config)
    keys = memory if name == "luong-dot" else memory @ np.asarray(layer.kernel)
    _, weights, _ = look(layer, memory, query)
    for row, length in enumerate(LENGTHS):
        energies = query[row] @ keys[row, :length].T / np.sqrt(QUERY)
        np.testing.assert_allclose(
            weights[row, :, :length], softmax(energies), atol=1e-5
        )


def test_luong_concat_is_additive():
    config = CONFIGS["luong-concat"]
    memory, query = numbers(config)
    layer = build(config)
    additive = build_attention(replace(BASE, location_filters=0))
    additive.build((None, QUERY), (None, None, MEMORY))
    additive.query_kernel.assign(layer.query_kernel)
    additive.key_kernel.assign(layer.kernel)
    additive.energy.assign(layer.energy)
    for found, expected in zip(
        look(layer, memory, query)[:2], look(additive, memory, query)[:2], strict=True
    ):
        np.testing.assert_allclose(found, expected, atol=1e-5)


def test_multi_head_equals_keras():
    config = CONFIGS["multi_head"]
    memory, query = numbers(config)
    layer = build(config)
    heads, size = config.heads, config.units // config.heads
    other = keras.layers.MultiHeadAttention(
        heads, size, value_dim=size, output_shape=MEMORY
    )
    mask = np.arange(FRAMES) < LENGTHS[:, None]
    other(query, memory, attention_mask=mask[:, None])
    values = []
    for name in ("query", "key", "value"):
        values.append(np.reshape(layer.kernels[name], (-1, heads, size)))
        values.append(np.reshape(layer.biases[name], (heads, size)))
    values.append(np.reshape(layer.kernels["output"], (heads, size, MEMORY)))
    values.append(np.asarray(layer.biases["output"]))
    other.set_weights(values)
    expected, scores = other(
        query, memory, attention_mask=mask[:, None], return_attention_scores=True
    )
    context, weights, _ = look(layer, memory, query)
    np.testing.assert_allclose(context, expected, atol=1e-5)
    np.testing.assert_allclose(weights, np.mean(scores, axis=1), atol=1e-6)


@pytest.mark.parametrize("centre", ["monotonic", "previous", "predicted"])
def test_a_local_window(centre):
    config = replace(BASE, kind="local", centre=centre)
    memory, query = numbers(config)
    layer = build(config)
    for steps in (1, 2, 4):
        _, weights, state = look(layer, memory, query, steps=steps)
        # No more than 2 * window + 1 frames have weight.
        assert (weights > 0).sum(-1).max() <= 5
        if centre == "monotonic":
            assert not weights[0, :, steps + config.window :].any()
            assert (weights[0, :, steps - 1] > 0).all()
        if centre == "previous":
            np.testing.assert_allclose(
                state[..., 0], weights @ np.arange(FRAMES), atol=1e-5
            )
    wide = replace(config, window=100)
    everything = replace(BASE, kind="luong")
    if centre != "predicted":
        plain = build(everything)
        layer = build(wide)
        layer.kernel.assign(plain.kernel)
        np.testing.assert_allclose(
            look(layer, memory, query)[1], look(plain, memory, query)[1], atol=1e-6
        )


def test_a_predicted_centre_by_hand():
    config = CONFIGS["local-predicted"]
    memory, query = numbers(config)
    layer = build(config)
    _, weights, _ = look(layer, memory, query)
    last = LENGTHS[:, None, None] - 1.0
    hidden = np.tanh(query @ np.asarray(layer.place_kernel)) @ np.asarray(layer.place)
    distance = np.arange(FRAMES) - last / (1.0 + np.exp(-hidden))
    keys = memory @ np.asarray(layer.kernel) / np.sqrt(QUERY)
    energies = query @ keys.transpose(0, 2, 1) - np.square(distance) / (0.5 * 2.0**2)
    seen = (np.abs(distance) <= 2.0) & (np.arange(FRAMES) <= last)
    expected = softmax(np.where(seen, energies, -1e9))
    np.testing.assert_allclose(weights, expected, atol=1e-5)


@everywhere
def test_what_is_dropped_is_not_seen(config):
    if config.kind in (*BLIND, "hard"):
        pytest.skip("it has no weights to drop")
    memory, query = numbers(config)
    layer = build(config)
    prepared = layer.prepare(memory, sequence_mask(LENGTHS, FRAMES))
    state = layer.initial_state(prepared, BEAM)
    dropout_mask = np.zeros((3, BEAM, FRAMES), "float32")
    context, _, _ = layer.attend(tf.constant(query), prepared, state, dropout_mask)
    nothing = np.asarray(layer.biases["output"]) if config.kind == "multi_head" else 0.0
    np.testing.assert_allclose(context, np.broadcast_to(nothing, context.shape))


def test_without_attention_the_query_does_not_matter():
    config = CONFIGS["cho"]
    memory, query = numbers(config)
    layer = build(config)
    first, _, _ = look(layer, memory, query)
    second, _, _ = look(layer, memory, -query)
    np.testing.assert_array_equal(first, second)
    ends = np.concatenate([memory[:, 0], memory[np.arange(3), LENGTHS - 1]], axis=-1)
    expected = np.tanh(ends @ np.asarray(layer.kernel))
    np.testing.assert_allclose(first[:, 0], expected, atol=1e-5)


def test_hard_attention_looks_at_one_frame():
    config = CONFIGS["hard"]
    memory, query = numbers(config)
    layer = build(config)
    _, weights, _ = look(layer, memory, query)
    np.testing.assert_allclose(np.sort(weights, axis=-1)[..., -1], 1.0, atol=1e-6)
    soft = build(CONFIGS["luong-general"])
    soft.kernel.assign(layer.kernel)
    _, likely, _ = look(soft, memory, query)
    np.testing.assert_array_equal(weights.argmax(-1), likely.argmax(-1))
    # With noise, frames are drawn from the soft weights.
    noise = layer.noise((4000, 3, FRAMES), 0.0, keras.random.SeedGenerator(0))
    prepared = layer.prepare(memory, sequence_mask(LENGTHS, FRAMES))
    state = layer.initial_state(prepared, 4000)
    queries = np.repeat(query[:, :1], 4000, axis=1)
    _, drawn, _ = layer.attend(queries, prepared, state, tf.transpose(noise, (1, 0, 2)))
    np.testing.assert_allclose(np.mean(drawn, axis=1), likely[:, 0], atol=0.03)


def test_an_unknown_kind():
    with pytest.raises(RecipeError, match="did you mean 'luong'"):
        build_attention(replace(BASE, kind="luonk"))


class TestAttentions(AttentionChecks):
    """The harness of all layers."""

    config = CONFIGS["local-predicted"]
    query_units, memory_units = QUERY, MEMORY


class TestMultiHead(TestAttentions):
    """The same with several heads."""

    config = CONFIGS["multi_head"]
