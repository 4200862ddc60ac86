"""Gradients of the decoder's loop, against differentiation of plain loops."""

from __future__ import annotations

from dataclasses import replace

import keras
import numpy as np
import pytest
import tensorflow as tf

from asr.config.schema import AttentionConfig
from asr.model.attention_variants import build_attention
from asr.model.decoder_cell import (
    Cell,
    DecoderInputs,
    DecoderState,
    advance,
    read_tokens,
)
from asr.model.kernels.decoder_scan import scan_tokens
from asr.model.ops import sequence_mask

STEPS, BATCH, FRAMES, UNITS, WIDTH = 4, 3, 9, 6, 5
LENGTHS = np.array([9, 4, 1])
LOCATED = AttentionConfig(units=4, location_filters=2, location_width=5)


def numbers(*shape, seed):
    random = np.random.default_rng(seed)
    return tf.constant(0.5 * random.normal(size=shape), "float32")


def one_by_one(attention, inputs):
    """`read_tokens` without a graph loop, left to automatic differentiation."""
    cell, projected, memory, dropout_mask, start = inputs
    first = start[:, None], tf.zeros((BATCH, 1, WIDTH))
    state, outputs = DecoderState(*first, attention.initial_state(memory, 1)), []
    for step in range(STEPS):
        factors = None if dropout_mask is None else dropout_mask[step][:, None]
        now = DecoderInputs(cell, projected[step][:, None], memory, factors)
        state, weights = advance(attention, now, state)
        outputs.append((state.hidden[:, 0], state.context[:, 0], weights[:, 0]))
    return tuple(tf.stack(parts) for parts in zip(*outputs, strict=True))


def compiled(function):
    """The function as a graph that knows no lengths, as in training."""

    def call(attention, inputs):
        cell, projected, memory, dropout_mask, start = inputs
        unknown = [
            tf.TensorSpec([None, None, projected.shape[-1]]),
            tf.TensorSpec([None, None, WIDTH]),
            tf.TensorSpec([None, None, None]),
        ]

        @tf.function(input_signature=unknown)
        def graph(projected, memory, dropout_mask):
            prepared = attention.prepare(memory, sequence_mask(LENGTHS, FRAMES))
            given = DecoderInputs(cell, projected, prepared, dropout_mask, start)
            return function(attention, given)

        return graph(projected, memory.values, dropout_mask)

    return call


def values_and_gradients(function, attention, dropped):
    cell = Cell(
        numbers(WIDTH, 3 * UNITS, seed=1),
        numbers(UNITS, 3 * UNITS, seed=2),
        numbers(3 * UNITS, seed=3),
    )
    projected = numbers(STEPS, BATCH, 3 * UNITS, seed=4)
    memory = numbers(BATCH, FRAMES, WIDTH, seed=5)
    dropout_mask = None
    if dropped:
        dropout_mask = (
            tf.cast(numbers(STEPS, BATCH, FRAMES, seed=6) > 0.0, "float32") * 2.0
        )
    start = numbers(BATCH, UNITS, seed=20)
    watched = [*cell, projected, memory, start]
    with tf.GradientTape() as tape:
        for tensor in watched:
            tape.watch(tensor)
        prepared = attention.prepare(memory, sequence_mask(LENGTHS, FRAMES))
        inputs = DecoderInputs(cell, projected, prepared, dropout_mask, start)
        outputs = function(attention, inputs)
        # Each output counts, the weights among them, and each number differently.
        loss = sum(
            tf.reduce_sum(output * numbers(*output.shape, seed=7 + i))
            for i, output in enumerate(outputs)
        )
    sources = [*watched, *attention.trainable_variables]
    gradients = [tf.convert_to_tensor(g) for g in tape.gradient(loss, sources)]
    return outputs, gradients, sources


def test_gradients_where_lengths_are_unknown():
    attention = build_attention(LOCATED)
    attention.build((None, UNITS), (None, None, WIDTH))
    outputs, found, _ = values_and_gradients(compiled(scan_tokens), attention, True)
    expected, right, _ = values_and_gradients(scan_tokens, attention, True)
    for value, other in zip([*outputs, *found], [*expected, *right], strict=True):
        np.testing.assert_allclose(value, other, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("plain_loop", [one_by_one, read_tokens])
@pytest.mark.parametrize("dropped", [False, True])
@pytest.mark.parametrize("config", [LOCATED, replace(LOCATED, location_filters=0)])
def test_gradients(config, dropped, plain_loop):
    keras.utils.set_random_seed(0)
    attention = build_attention(config)
    attention.build((None, UNITS), (None, None, WIDTH))
    outputs, found, sources = values_and_gradients(scan_tokens, attention, dropped)
    expected, right, _ = values_and_gradients(plain_loop, attention, dropped)
    for output, other in zip(outputs, expected, strict=True):
        np.testing.assert_allclose(output, other, atol=1e-6)
    for source, gradient, other in zip(sources, found, right, strict=True):
        assert np.asarray(other).any(), source
        np.testing.assert_allclose(gradient, other, rtol=1e-4, atol=1e-5)
