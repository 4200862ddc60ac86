"""A share of a batch has the sums and the random numbers of the whole."""

from __future__ import annotations

import numpy as np
import pytest
from keras import ops

from asr.model.batch_share import (
    BatchShare,
    Dropout,
    batch_rows,
    batch_sum,
    draw,
    sharing,
)
from asr.model.losses import cross_entropy, ctc
from asr.training.tensorflow_strategies import uniform_rows

ROWS, SHARES = 5, [(0, 3), (3, 5)]


def share(first, add=lambda value: value):
    numbers = ops.convert_to_tensor(first), ops.convert_to_tensor(ROWS)
    return BatchShare(*numbers, add, uniform_rows)


def test_alone_all_rows_are_here():
    assert (batch_sum(7), batch_rows(3)) == (7, 3)
    assert draw(lambda shape: np.zeros(shape), (2, 3)).shape == (2, 3)


def test_a_share_knows_the_whole():
    with sharing(share(0, lambda value: value + 1)):
        assert batch_sum(7) == 8
        assert int(batch_rows(3)) == ROWS
    assert batch_rows(3) == 3


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_draws_are_those_of_the_rows(axis):
    shape = [4, 4, 4]
    shape[axis] = ROWS
    numbers = np.arange(np.prod(shape)).reshape(shape)
    for first, last in SHARES:
        shape[axis] = last - first
        with sharing(share(first)):
            found = draw(lambda whole: numbers.reshape(whole), tuple(shape), axis)
        expected = np.take(numbers, range(first, last), axis)
        np.testing.assert_array_equal(found, expected)


def test_a_row_beyond_the_batch_has_numbers_too():
    with sharing(share(ROWS)):
        assert draw(lambda shape: np.zeros(shape), (1, 3)).shape == (1, 3)
        assert draw(lambda _: None, (1, 3)) is None


@pytest.mark.parametrize("axis", [0, 1])
def test_dropout_drops_the_same_of_a_row(axis):
    def dropped(inputs, first=None):
        layer = Dropout(0.5, axis=axis, seed=4)
        if first is None:
            return np.asarray(layer(inputs, training=True))
        with sharing(share(first)):
            return np.asarray(layer(inputs, training=True))

    # Rows of 35 numbers begin in the middle of four.
    inputs = np.random.default_rng(0).normal(size=(ROWS, ROWS, 7)).astype("float32")
    whole = dropped(inputs)
    assert 0.3 < np.mean(whole == 0) < 0.7
    np.testing.assert_allclose(whole[whole != 0], 2 * inputs[whole != 0])
    for first, last in SHARES:
        rows = range(first, last)
        found = dropped(np.take(inputs, rows, axis), first)
        np.testing.assert_array_equal(found, np.take(whole, rows, axis))
    layer = Dropout(0.5, axis=axis)
    with sharing(share(0)):
        np.testing.assert_array_equal(layer(inputs, training=False), inputs)


def test_losses_of_shares_add_up_to_that_of_the_batch():
    random = np.random.default_rng(1)
    logits = random.normal(size=(ROWS, 8, 6)).astype("float32")
    labels = random.integers(1, 6, (ROWS, 4)).astype("int32")
    lengths = np.array([4, 1, 2, 3, 4], "int32")
    frames = np.full(ROWS, 8, "int32")
    for loss, more in ((cross_entropy, ()), (ctc, (frames,))):

        def of(rows, loss=loss, more=more):
            parts = [logits[rows, : 8 if more else 4], *(x[rows] for x in more)]
            return float(loss(*parts, labels[rows], lengths[rows]))

        parts = []
        for first, last in SHARES:
            with sharing(share(first, lambda _: 14.0)):  # labels of all rows
                parts.append(of(slice(first, last)))
        assert sum(parts) == pytest.approx(of(slice(None)), rel=1e-5)


def test_a_row_that_fills_up_a_batch_adds_nothing_to_ctc():
    logits = np.random.default_rng(2).normal(size=(2, 3, 4)).astype("float32")
    frames, labels, lengths = (
        np.array(numbers, "int32") for numbers in ([3, 1], [[1, 2], [0, 0]], [2, -1])
    )
    whole = ctc(logits, frames, labels, lengths)
    alone = ctc(logits[:1], frames[:1], labels[:1], lengths[:1])
    assert float(whole) == pytest.approx(float(alone), rel=1e-6)
