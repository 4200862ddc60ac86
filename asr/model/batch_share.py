"""A share of a batch: sums and random numbers as if the whole batch were here.

Several workers may train on one batch, each on some of its rows. Losses are means over
the labels of all rows, and a mask belongs to a row, whoever trains on it. `sharing`
tells the layers which rows are here; outside of it, all of them are.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from typing import Any, NamedTuple

import keras
from keras import ops

from asr.arrays import Tensor


class BatchShare(NamedTuple):
    """Rows of a batch that a worker trains on.

    Attributes:
        first: Position of the first row in the whole batch, () int32.
        total: Rows of the whole batch, () int32.
        add: Adds a tensor up over all workers.
        uniform: Draws rows of what `keras.random.uniform` draws for a batch, from
            their shape, the seed and the position of the first.
    """

    first: Tensor
    total: Tensor
    add: Callable[[Tensor], Tensor]
    uniform: Callable[[tuple[Any, ...], Tensor, Tensor], Tensor]


_share: ContextVar[BatchShare | None] = ContextVar("batch share", default=None)


@contextlib.contextmanager
def sharing(share: BatchShare) -> Iterator[None]:
    """Compute on a share of a batch, in this thread, while a step is traced."""
    token = _share.set(share)
    try:
        yield
    finally:
        _share.reset(token)


def batch_sum(value: Tensor) -> Tensor:
    """Return a sum over rows that are here as the sum over the whole batch."""
    share = _share.get()
    return value if share is None else share.add(value)


def batch_rows(rows: Tensor) -> Tensor:
    """Return the rows of the whole batch, of which `rows` are here."""
    share = _share.get()
    return rows if share is None else share.total


def draw(
    sample: Callable[[tuple[Any, ...]], Tensor], shape: tuple[Any, ...], axis: int = 0
) -> Tensor:
    """Draw a few random numbers for the rows that are here.

    Those of all rows are drawn, since a seed gives others for another shape.

    Args:
        sample: Draws numbers of a shape, or returns None.
        shape: Shape of the result.
        axis: Axis of the rows.
    """
    share = _share.get()
    if share is None:
        return sample(shape)
    whole = list(shape)
    whole[axis] = share.total
    numbers = sample(tuple(whole))
    if numbers is None:
        return None
    rows = share.first + ops.arange(shape[axis], dtype="int32")
    # A row that only fills up a share lies beyond the batch.
    return ops.take(numbers, ops.minimum(rows, share.total - 1), axis=axis)


class Dropout(keras.layers.Dropout):
    """Dropout that drops the same of a row, whatever share of the batch is here.

    The numbers of a row lie together, so that a share draws no others.

    Args:
        rate: Share of inputs that are dropped.
        axis: Axis of the rows.
        seed: Seed of the random numbers.
    """

    def __init__(
        self, rate: float, *, axis: int = 0, seed: int | None = None, **kwargs: Any
    ) -> None:
        super().__init__(rate, seed=seed, **kwargs)
        self.axis = axis

    def call(self, inputs: Tensor, training: bool = False) -> Tensor:
        """Drop inputs in training, and scale up the others."""
        if not training or not self.rate:
            return inputs
        sizes = list(ops.shape(inputs))
        shape, share = (sizes.pop(self.axis), *sizes), _share.get()
        if share is None:
            numbers = keras.random.uniform(shape, seed=self.seed_generator)
        else:
            numbers = share.uniform(shape, self.seed_generator.next(), share.first)
        mask = ops.where(numbers >= self.rate, 1.0 / (1.0 - self.rate), 0.0)
        return inputs * ops.cast(ops.moveaxis(mask, 0, self.axis), inputs.dtype)
