"""Decoder: what it may know, its weights, dropout; steps are in `test_decoder_scan`."""

from __future__ import annotations

from dataclasses import replace

import keras
import numpy as np
import pytest
import tensorflow as tf

from asr.config.schema import AttentionConfig, DecoderConfig, ModelConfig
from asr.errors import RecipeError
from asr.model.decoder import Decoder
from tests.layer_checks import LayerChecks

VOCABULARY, MEMORY = 7, 5
CONFIG = DecoderConfig(units=6, embedding=4, dropout=0.0)
ATTENTION = AttentionConfig(units=4, location_filters=2, location_width=5)
TOKENS = np.array([[1, 3, 4, 6], [1, 5, 0, 0], [1, 3, 3, 2]], "int32")
LENGTHS = np.array([9, 4, 1], "int32")


def build(config=CONFIG, attention=ATTENTION):
    keras.utils.set_random_seed(0)
    return Decoder(ModelConfig(decoder=config, attention=attention), VOCABULARY)


@pytest.fixture(scope="module")
def memory():
    memory = np.random.default_rng(0).normal(size=(3, 9, MEMORY)).astype("float32")
    memory[np.arange(9) >= LENGTHS[:, None]] = 0.0
    return memory


def test_the_future_is_unknown(memory):
    decoder = build()
    changed = TOKENS.copy()
    changed[:, 2:] = 6
    logits, _ = decoder(TOKENS, memory, LENGTHS)
    others, _ = decoder(changed, memory, LENGTHS)
    np.testing.assert_allclose(logits[:, :2], others[:, :2], atol=1e-6)
    assert not np.allclose(logits[:, 2], others[:, 2])


def test_weights_are_a_distribution_over_real_frames(memory):
    _, weights = build()(TOKENS, memory, LENGTHS)
    weights = np.asarray(weights)
    assert weights.shape == (3, 4, 9)
    np.testing.assert_allclose(weights.sum(-1), 1.0, rtol=1e-5)
    for row, length in enumerate(LENGTHS):
        assert not weights[row, :, length:].any()


@pytest.mark.parametrize("kind", ["dropout", "embedding_dropout", "attention_dropout"])
def test_dropout_only_in_training(memory, kind):
    decoder = build(replace(CONFIG, **{kind: 0.5}))
    calm, weights = decoder(TOKENS, memory, LENGTHS)
    again, _ = decoder(TOKENS, memory, LENGTHS)
    np.testing.assert_array_equal(np.asarray(calm), np.asarray(again))
    first, noisy = decoder(TOKENS, memory, LENGTHS, training=True)
    second, _ = decoder(TOKENS, memory, LENGTHS, training=True)
    assert not np.allclose(first, calm)
    assert not np.allclose(first, second)
    # Weights are given out as they were before the dropout.
    np.testing.assert_allclose(np.asarray(noisy).sum(-1), 1.0, rtol=1e-5)
    if kind == "dropout":
        np.testing.assert_allclose(noisy, weights, atol=1e-6)


def test_an_unknown_attention():
    with pytest.raises(RecipeError, match=r"model\.attention\.kind: .*'bahdanau'"):
        build(attention=replace(ATTENTION, kind="bahdanou"))


class TestDecoder(LayerChecks):
    """The harness of all layers; an example is a memory."""

    config = replace(CONFIG, embedding_dropout=0.1, attention_dropout=0.1)
    lengths = (9, 4, 2)

    def make(self, config):
        return build(config)

    def example(self, random, length):
        return random.normal(size=(length, MEMORY))

    def call(self, layer, padded, lengths, **options):
        tokens = np.tile(np.arange(1, VOCABULARY, dtype="int32"), (len(padded), 1))
        logits, weights = layer(tokens, tf.constant(padded), lengths, **options)
        return (logits, tf.transpose(weights, (0, 2, 1))), (None, lengths)
