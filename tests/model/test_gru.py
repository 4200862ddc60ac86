"""GRU: values and gradients against `keras.layers.GRU` and differentiation."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf

from asr.config.schema import EncoderConfig
from asr.model.gru import BidirectionalGRU, BidirectionalLSTM
from asr.model.gru_cell import gru_step
from asr.model.kernels.gru import gru_sequence
from tests.layer_checks import LayerChecks

UNITS, CHANNELS, LENGTHS = 5, 3, (7, 4, 1)


@pytest.fixture(scope="module")
def numbers():
    """Inputs (B, T, channels), mask (B, T) and the weights of a GRU."""
    random = np.random.default_rng(0)

    def normal(*shape):
        return random.normal(size=shape).astype("float32") * 0.7

    mask = np.arange(max(LENGTHS)) < np.array(LENGTHS)[:, None]
    return {
        "inputs": normal(len(LENGTHS), max(LENGTHS), CHANNELS),
        "mask": mask,
        "kernel": normal(CHANNELS, 3 * UNITS),
        "recurrent": normal(UNITS, 3 * UNITS),
        "bias": normal(2, 3 * UNITS),
        "upstream": normal(len(LENGTHS), max(LENGTHS), UNITS),
    }


def ours(inputs, mask, kernel, recurrent, bias):
    projected = tf.transpose(inputs @ kernel + bias[0], (1, 0, 2))
    real = tf.cast(tf.transpose(mask), "float32")[..., None]
    states = gru_sequence(projected, real, recurrent[:], bias[1])
    return tf.transpose(states, (1, 0, 2))


def unrolled(inputs, mask, kernel, recurrent, bias):
    """The same, one `gru_step` after the other, left to automatic differentiation."""
    hidden = tf.zeros((inputs.shape[0], UNITS))
    states = []
    for t in range(inputs.shape[1]):
        following = gru_step(
            inputs[:, t] @ kernel + bias[0], hidden, recurrent, bias[1]
        )
        hidden = tf.where(mask[:, t, None], following, hidden)
        states.append(hidden)
    return tf.stack(states, axis=1)


def of_keras(inputs, mask, kernel, recurrent, bias):
    layer = keras.layers.GRU(UNITS, return_sequences=True, reset_after=True)
    layer.build(inputs.shape)
    values = (kernel, recurrent, bias)
    layer.set_weights([np.asarray(value) for value in values])
    with tf.GradientTape() as tape:
        tape.watch(inputs)
        states = layer(inputs, mask=mask)
    return states, tape, [inputs, *layer.trainable_weights]


def run(function, numbers):
    """Output, and gradients by inputs, kernel, recurrent kernel and bias."""
    names = ("inputs", "kernel", "recurrent", "bias")
    tensors = {name: tf.constant(numbers[name]) for name in names}
    arguments = (tensors["inputs"], numbers["mask"], *list(tensors.values())[1:])
    if function is of_keras:
        states, tape, sources = of_keras(*arguments)
    else:
        with tf.GradientTape() as tape:
            tape.watch(list(tensors.values()))
            states = function(*arguments)
        sources = list(tensors.values())
    gradients = tape.gradient(states, sources, output_gradients=numbers["upstream"])
    return np.asarray(states), [np.asarray(gradient) for gradient in gradients]


@pytest.mark.parametrize("reference", [unrolled, of_keras])
def test_values_and_all_gradients(numbers, reference):
    states, gradients = run(ours, numbers)
    expected, expected_gradients = run(reference, numbers)
    np.testing.assert_allclose(states, expected, atol=1e-6)
    for found, wanted in zip(gradients, expected_gradients, strict=True):
        np.testing.assert_allclose(found, wanted, atol=2e-5)


def test_the_padding_has_no_gradient(numbers):
    masked = dict(numbers)
    masked["upstream"] = numbers["upstream"] * numbers["mask"][..., None]
    _, (inputs, *_) = run(ours, masked)
    assert not inputs[~numbers["mask"]].any()
    assert inputs[numbers["mask"]].any(axis=-1).all()


def test_a_masked_step_keeps_the_state(numbers):
    states, _ = run(ours, numbers)
    for row, length in enumerate(LENGTHS):
        for t in range(length, states.shape[1]):
            np.testing.assert_array_equal(states[row, t], states[row, length - 1])


def test_one_step_by_hand():
    # Update gate 0.5 (its logit is 0), reset gate 1 (100), candidate tanh(0.3 + 0.2).
    inputs = np.array([[0.0, 100.0, 0.3]], "float32")
    kernel = np.array([[0.0, 0.0, 0.1]], "float32")
    bias = np.array([0.0, 0.0, 0.1], "float32")
    state = gru_step(inputs, np.array([[1.0]], "float32"), kernel, bias)
    np.testing.assert_allclose(state, [[0.5 + 0.5 * np.tanh(0.5)]], rtol=1e-6)


def test_bidirectional_equals_keras(numbers):
    layer = BidirectionalGRU(UNITS)
    layer.build((None, None, CHANNELS))
    reference = keras.layers.Bidirectional(
        keras.layers.GRU(UNITS, return_sequences=True, reset_after=True)
    )
    reference.build((None, None, CHANNELS))
    random = np.random.default_rng(1)
    for weight in reference.weights:
        weight.assign(random.normal(size=weight.shape) * 0.5)
    layer.set_weights(reference.get_weights())
    time_first = np.transpose(numbers["inputs"], (1, 0, 2))
    real = numbers["mask"].T[..., None].astype("float32")
    states = np.transpose(layer(time_first, real), (1, 0, 2))
    for row, length in enumerate(LENGTHS):
        expected = reference(numbers["inputs"][row : row + 1, :length])
        np.testing.assert_allclose(states[row, :length], expected[0], atol=1e-6)


class TestBidirectionalGRU(LayerChecks):
    """The harness of all layers."""

    config = EncoderConfig(units=UNITS)
    lengths = (6, 3, 5)

    def make(self, config):
        return BidirectionalGRU(config.units)

    def example(self, random, length):
        return random.normal(size=(length, CHANNELS))

    def call(self, layer, padded, lengths, **options):
        mask = np.arange(padded.shape[1])[:, None, None] < lengths[None, :, None]
        time_first = np.transpose(padded, (1, 0, 2))
        states = layer(time_first, mask.astype("float32"), **options)
        return (tf.transpose(states, (1, 0, 2)),), (lengths,)


class TestBidirectionalLSTM(TestBidirectionalGRU):
    """The harness of all layers."""

    def make(self, config):
        return BidirectionalLSTM(config.units)


def test_lstm_equals_keras():
    keras.utils.set_random_seed(0)
    ours = BidirectionalLSTM(UNITS)
    inputs = tf.random.normal((len(LENGTHS), max(LENGTHS), CHANNELS), seed=1)
    mask = np.arange(max(LENGTHS)) < np.array(LENGTHS)[:, None]
    real = mask.T[..., None].astype("float32")
    found = tf.transpose(ours(tf.transpose(inputs, (1, 0, 2)), real), (1, 0, 2))
    other = keras.layers.Bidirectional(keras.layers.LSTM(UNITS, return_sequences=True))
    other(inputs)
    for way, layer in enumerate((other.forward_layer, other.backward_layer)):
        # The forget gate is open at first, as in Keras.
        np.testing.assert_array_equal(layer.cell.bias, np.sum(ours.biases[way], 0))
        kernels = ours.kernels[way], ours.recurrent_kernels[way]
        layer.set_weights([*map(np.asarray, kernels), np.sum(ours.biases[way], 0)])
    expected = other(inputs, mask=tf.constant(mask))
    for row, length in enumerate(LENGTHS):
        np.testing.assert_allclose(
            found[row, :length], expected[row, :length], atol=1e-5
        )
