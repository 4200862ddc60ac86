"""Attentive pooling: an example knows neither padding nor neighbours."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import tensorflow as tf

from asr.config.schema import AttentionConfig, DecoderConfig, ModelConfig
from asr.model.classifier import PoolingDecoder
from tests.layer_checks import LayerChecks

VOCABULARY, MEMORY = 7, 5
ATTENTION = AttentionConfig(units=4)


class TestPoolingDecoder(LayerChecks):
    """The harness of all layers; an example is a memory."""

    config = replace(DecoderConfig(kind="pooling"), dropout=0.0)
    lengths = (9, 4, 2)

    def make(self, config):
        model = ModelConfig(decoder=config, attention=ATTENTION)
        return PoolingDecoder(model, VOCABULARY)

    def example(self, random, length):
        return random.normal(size=(length, MEMORY))

    def call(self, layer, padded, lengths, **options):
        tokens = np.tile(np.array([1, 3], "int32"), (len(padded), 1))
        logits, weights = layer(tokens, tf.constant(padded), lengths, **options)
        return (logits, tf.transpose(weights, (0, 2, 1))), (None, lengths)
