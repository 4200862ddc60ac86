"""Transformer blocks: a block of Keras layers with the same weights, positions."""

from __future__ import annotations

from dataclasses import replace

import keras
import numpy as np
import pytest
import tensorflow as tf

from asr.config.schema import EncoderConfig
from asr.errors import RecipeError
from asr.model.transformer import Transformer, TransformerBlock, positions
from tests.layer_checks import LayerChecks

UNITS, HEADS, LENGTHS = 8, 2, np.array([7, 4])
CONFIG = EncoderConfig(kind="self", layers=2, units=4, heads=HEADS, dropout=0.0)


def test_positions_by_hand():
    found = np.asarray(positions(5, 4))
    for place in range(5):
        angles = [place, place / 100.0]
        expected = np.concatenate([np.sin(angles), np.cos(angles)])
        np.testing.assert_allclose(found[place], expected, atol=1e-6)


def test_a_block_is_made_of_what_keras_has():
    keras.utils.set_random_seed(0)
    block = TransformerBlock(UNITS, HEADS, 4 * UNITS, 0.0)
    inputs = np.random.default_rng(0).normal(size=(2, 7, UNITS)).astype("float32")
    mask = np.arange(7) < LENGTHS[:, None]
    found = block(inputs, mask)
    size = UNITS // HEADS
    attention = keras.layers.MultiHeadAttention(HEADS, size)
    normal = block.norms[0](inputs)
    attention(normal, normal)
    own, values = block.attention, []
    for name in ("query", "key", "value"):
        values.append(np.reshape(own.kernels[name], (UNITS, HEADS, size)))
        values.append(np.reshape(own.biases[name], (HEADS, size)))
    values.append(np.reshape(own.kernels["output"], (HEADS, size, UNITS)))
    values.append(np.asarray(own.biases["output"]))
    attention.set_weights(values)
    outputs = inputs + attention(normal, normal, attention_mask=mask[:, None])
    outputs = outputs + block.narrow(block.wide(block.norms[1](outputs)))
    for row, length in enumerate(LENGTHS):
        np.testing.assert_allclose(
            found[row, :length], outputs[row, :length], atol=1e-5
        )


def test_the_order_of_frames_matters():
    keras.utils.set_random_seed(0)
    layer = Transformer(CONFIG)
    inputs = np.random.default_rng(0).normal(size=(7, 1, 5)).astype("float32")
    mask = np.ones((7, 1, 1), "float32")
    ahead, behind = (
        np.asarray(layer(inputs, mask)),
        np.asarray(layer(inputs[::-1], mask)),
    )
    assert not np.allclose(ahead, behind[::-1], atol=1e-2)


def test_dropout_only_in_training_and_all_weights_learn():
    keras.utils.set_random_seed(0)
    layer = Transformer(replace(CONFIG, dropout=0.5), seed=1)
    inputs = tf.random.normal((7, 2, 5), seed=0)
    mask = tf.ones((7, 2, 1))
    np.testing.assert_array_equal(layer(inputs, mask), layer(inputs, mask))
    first = layer(inputs, mask, training=True)
    assert not np.allclose(first, layer(inputs, mask, training=True))
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(layer(inputs, mask) ** 2)
    for weight, gradient in zip(
        layer.trainable_variables,
        tape.gradient(loss, layer.trainable_variables),
        strict=True,
    ):
        if not weight.path.endswith("key_bias"):  # the softmax cancels it
            assert np.abs(gradient).max() > 1e-7, weight.path


def test_heads_that_do_not_divide_the_units():
    with pytest.raises(RecipeError, match=r"model\.encoder\.heads: 3 heads"):
        Transformer(replace(CONFIG, heads=3)).build((None, None, 5))


class TestTransformer(LayerChecks):
    """The harness of all layers; time comes first in the layer, batch in the checks."""

    config = CONFIG
    lengths = (7, 4, 2)

    def make(self, config):
        return Transformer(config)

    def example(self, random, length):
        return random.normal(size=(length, 5))

    def call(self, layer, padded, lengths, **options):
        mask = np.arange(padded.shape[1]) < lengths[:, None]
        mask = mask.T[..., None].astype("float32")
        outputs = layer(tf.transpose(padded, (1, 0, 2)), mask, **options)
        return (tf.transpose(outputs, (1, 0, 2)),), (lengths,)
