"""Embedded tokens as a frontend."""

from __future__ import annotations

import numpy as np

from asr.config.schema import TextConfig
from asr.model.token_embedding import TokenEmbedding
from tests.layer_checks import LayerChecks


class TestTokenEmbedding(LayerChecks):
    """The harness of all layers; an example is a row of tokens."""

    config = TextConfig(embedding=6, dropout=0.0)
    lengths = (7, 3, 1)

    def make(self, config):
        return TokenEmbedding(config, 11)

    def example(self, random, length):
        return random.integers(0, 11, length)

    def call(self, layer, padded, lengths, **options):
        features, found = layer(padded, lengths, **options)
        np.testing.assert_array_equal(found, lengths)
        return (features,), (lengths,)


def test_rows_of_the_table_and_nothing_in_the_padding():
    layer = TokenEmbedding(TextConfig(embedding=4), 9)
    source = np.array([[3.0, 8.0, 5.0], [2.0, 7.0, 7.0]], "float32")
    features, _ = layer(source, np.array([3, 1], "int32"))
    table = np.asarray(layer.table)
    np.testing.assert_array_equal(features[0], table[[3, 8, 5]])
    np.testing.assert_array_equal(features[1, 0], table[2])
    assert not np.asarray(features[1, 1:]).any()
    np.testing.assert_array_equal(layer.tokens(source), source.astype("int32"))


def test_dropout_only_in_training():
    layer = TokenEmbedding(TextConfig(embedding=64, dropout=0.5), 9)
    source, lengths = np.full((1, 40), 3.0, "float32"), np.array([40], "int32")
    kept = np.asarray(layer(source, lengths, training=True)[0]) != 0.0
    assert 0.4 < kept.mean() < 0.6
    assert (np.asarray(layer(source, lengths)[0]) != 0.0).all()
