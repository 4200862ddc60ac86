"""`scan` over several inputs."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from asr.model.ops import scan

TIMES, BATCH = 4, 2


def inputs(*widths):
    random = np.random.default_rng(0)
    return [
        random.normal(size=(TIMES, BATCH, width)).astype("float32") for width in widths
    ]


def weighted(carry, step):
    """carry = carry * first + sum of the second, an order-dependent step."""
    first, second = step
    carry = carry * first + tf.reduce_sum(second, -1, keepdims=True)
    return carry, carry


@pytest.mark.parametrize("reverse", [False, True])
def test_several_inputs_by_hand(reverse):
    first, second = inputs(1, 3)
    last, outputs = scan(
        weighted, tf.ones((BATCH, 1)), [first, second], reverse=reverse
    )
    carry, expected = np.ones((BATCH, 1)), np.zeros((TIMES, BATCH, 1))
    for t in reversed(range(TIMES)) if reverse else range(TIMES):
        carry = carry * first[t] + second[t].sum(-1, keepdims=True)
        expected[t] = carry
    np.testing.assert_allclose(last, carry, rtol=1e-5)
    np.testing.assert_allclose(outputs, expected, rtol=1e-5)


def test_one_input_and_a_nested_carry():
    (only,) = inputs(2)

    def step(carry, parts):
        total, product = carry
        following = (total + parts[0], product * parts[0])
        return following, following

    (total, product), outputs = scan(
        step, (tf.zeros((BATCH, 2)), tf.ones((BATCH, 2))), [only]
    )
    np.testing.assert_allclose(total, only.sum(0), rtol=1e-5)
    np.testing.assert_allclose(product, only.prod(0), rtol=1e-5)
    np.testing.assert_allclose(outputs[0], only.cumsum(0), rtol=1e-5)


def test_open_lengths_in_a_graph():
    first, second = inputs(1, 3)
    shape = tf.TensorSpec((None, None, None))

    @tf.function(input_signature=[tf.TensorSpec((None, None, 1)), shape])
    def run(first, second):
        start = tf.zeros_like(first[0])
        return scan(weighted, start, [first, second])[1]

    for count in (1, 2, TIMES):
        expected = scan(
            weighted, tf.zeros((BATCH, 1)), [first[:count], second[:count]]
        )[1]
        np.testing.assert_allclose(run(first[:count], second[:count]), expected)
