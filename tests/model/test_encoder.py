"""Encoder: lengths, padding, and numbers against plain Keras layers."""

from __future__ import annotations

from dataclasses import replace

import keras
import numpy as np
import pytest

from asr.config.schema import EncoderConfig
from asr.model.encoder import Encoder, state_lengths
from tests.layer_checks import LayerChecks

BANDS = 6
CONFIG = EncoderConfig(
    filters=5, kernel=5, layers=2, units=4, memory_units=3, memory_stride=2, dropout=0.0
)


def features_of(*lengths, seed=0):
    random = np.random.default_rng(seed)
    features = random.normal(size=(len(lengths), max(lengths), BANDS)).astype("float32")
    features[np.arange(max(lengths)) >= np.array(lengths)[:, None]] = 0.0
    return features, np.array(lengths, "int32")


@pytest.mark.parametrize(
    ("frames", "states"), [(1, 1), (2, 1), (4, 1), (5, 2), (8, 2), (9, 3), (101, 26)]
)
@pytest.mark.parametrize("stride", [1, 2, 3])
def test_lengths(frames, states, stride):
    assert state_lengths(frames, 4) == states
    encoder = Encoder(replace(CONFIG, layers=1, memory_stride=stride))
    encoded = encoder(*features_of(frames))
    joined = -(-states // stride)
    assert encoded.states.shape == (1, states, 2 * CONFIG.units)
    assert encoded.memory.shape == (1, joined, CONFIG.memory_units)
    assert np.asarray(encoded.state_lengths).tolist() == [states]
    assert np.asarray(encoded.memory_lengths).tolist() == [joined]


@pytest.mark.parametrize(
    ("convolutions", "stride", "reduction"),
    [(0, 2, 1), (1, 1, 1), (1, 3, 3), (3, 2, 8)],
)
def test_other_reductions(convolutions, stride, reduction):
    config = replace(CONFIG, convolutions=convolutions, stride=stride)
    assert config.reduction == reduction
    encoder = Encoder(config)
    together = encoder(*features_of(21, 6))
    states = [-(-frames // reduction) for frames in (21, 6)]
    assert np.asarray(together.state_lengths).tolist() == states
    alone = encoder(features_of(21, 6)[0][1:, :6], np.array([6], "int32"))
    np.testing.assert_allclose(
        together.states[1, : states[1]], alone.states[0], atol=1e-5
    )


@pytest.mark.parametrize("kernel", [1, 2, 3, 5])
def test_one_recording_equals_plain_keras_layers(kernel):
    """Without padding it is nothing but its layers in a row."""
    encoder = Encoder(replace(CONFIG, kernel=kernel, memory_stride=1))
    features, lengths = features_of(21)
    encoded = encoder(features, lengths)
    outputs = features
    for convolution in encoder.convolutions:
        left = (kernel - 1) // 2
        outputs = np.pad(outputs, ((0, 0), (left, kernel - 1 - left), (0, 0)))
        outputs = convolution(outputs)
    outputs = encoder.norms[0](outputs)
    for layer, norm in zip(encoder.layers, encoder.norms[1:], strict=True):
        reference = keras.layers.Bidirectional(
            keras.layers.GRU(CONFIG.units, return_sequences=True)
        )
        reference.build(outputs.shape)
        reference.set_weights(layer.get_weights())
        outputs = norm(reference(outputs))
    np.testing.assert_allclose(encoded.states, outputs, atol=1e-5)
    np.testing.assert_allclose(encoded.memory, encoder.output_layer(outputs), atol=1e-5)


def test_the_padding_is_zero():
    keras.utils.set_random_seed(0)  # not one that silences all filters
    encoder = Encoder(CONFIG)
    encoded = encoder(*features_of(40, 13, 1))
    for values, lengths in (
        (encoded.states, encoded.state_lengths),
        (encoded.memory, encoded.memory_lengths),
    ):
        for row, length in enumerate(np.asarray(lengths)):
            assert np.asarray(values)[row, :length].any()
            assert not np.asarray(values)[row, length:].any()


def test_dropout_only_in_training():
    encoder = Encoder(replace(CONFIG, dropout=0.5), seed=1)
    inputs = features_of(24)
    calm = np.asarray(encoder(*inputs).memory)
    np.testing.assert_array_equal(calm, np.asarray(encoder(*inputs).memory))
    first, second = (
        np.asarray(encoder(*inputs, training=True).memory) for _ in range(2)
    )
    assert not np.allclose(first, second)
    assert not np.allclose(first, calm)


def test_symbolic_outputs_tell_the_truth():
    encoder = Encoder(CONFIG)
    features = keras.KerasTensor((None, None, BANDS))
    spec = encoder.compute_output_spec(features, keras.KerasTensor((None,), "int32"))
    encoded = encoder(*features_of(12, 9))
    for symbolic, actual in zip(spec, encoded, strict=True):
        assert len(symbolic.shape) == len(actual.shape)
        assert symbolic.dtype == actual.dtype.name
        for said, found in zip(symbolic.shape, actual.shape, strict=True):
            assert said in (None, found)


class TestEncoder(LayerChecks):
    """The harness of all layers."""

    config = CONFIG
    lengths = (40, 13, 25, 1)

    def make(self, config):
        return Encoder(config)

    def example(self, random, length):
        return random.normal(size=(length, BANDS))

    def call(self, layer, padded, lengths, **options):
        encoded = layer(padded, lengths, **options)
        sizes = (np.asarray(encoded.state_lengths), np.asarray(encoded.memory_lengths))
        return (encoded.states, encoded.memory), sizes


class TestEncoderWithOddSizes(TestEncoder):
    """An even kernel, and a stride that no length here divides by."""

    config = replace(CONFIG, kernel=4, memory_stride=3, layers=1)


class TestSelfAttentiveEncoder(TestEncoder):
    """Transformer blocks in the place of the GRUs."""

    config = replace(CONFIG, kind="self", heads=2)
    lengths = (40, 13, 25, 9)
