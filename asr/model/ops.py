"""What loops over steps need to be fast on TensorFlow and equal from run to run."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import keras
from keras import ops

from asr.arrays import Tensor


def scan(
    step: Callable[[Any, list[Any]], tuple[Any, Any]],
    carry: Tensor,
    inputs: Sequence[Any],
    *,
    reverse: bool = False,
) -> tuple[Any, Any]:
    """Run `keras.ops.scan` over inputs that share all axes but the last.

    They travel as one tensor: on TensorFlow, Keras 3.15 fails on several inputs of
    unknown length, and one read per step is faster than several.

    Args:
        step: `(carry, inputs of this step) -> (carry, outputs)`; outputs have the
            structure and shapes of the carry.
        carry: Tensors before the first step.
        inputs: Each (T, ..., n).
        reverse: Whether to begin at the end.

    Returns:
        The last carry, and the outputs of all steps, each (T, ...).
    """
    edges = [0]
    for tensor in inputs[:-1]:
        edges.append(edges[-1] + ops.shape(tensor)[-1])

    def split(carry: Tensor, joined: Tensor) -> tuple[Tensor, Tensor]:
        parts = [
            joined[..., first:last]
            for first, last in zip(edges, [*edges[1:], None], strict=True)
        ]
        return step(carry, parts)

    joined = inputs[0] if len(inputs) == 1 else ops.concatenate(inputs, axis=-1)
    return ops.scan(split, carry, joined, reverse=reverse)


def product(tensor: Tensor, kernel: Tensor) -> Tensor:
    """Multiply the last axis of a tensor with a matrix, as one product of two matrices.

    `keras.ops.matmul` of a tensor of three axes takes detours on TensorFlow: a dozen
    small operations on shapes, or a gradient for each row of the batch to be added up.

    Args:
        tensor: (..., n).
        kernel: (n, m).

    Returns:
        (..., m).
    """
    leading = [-1 if size is None else size for size in tensor.shape[:-1]]
    if leading.count(-1) > 1:
        leading = ops.shape(tensor)[:-1]
    flat = ops.reshape(tensor, (-1, kernel.shape[0]))
    return ops.reshape(ops.matmul(flat, kernel), (*leading, kernel.shape[-1]))


def outer_sum(left: Tensor, right: Tensor) -> Tensor:
    """Return the sum of outer products: (..., n) and (..., m) -> (n, m)."""
    left = ops.reshape(left, (-1, ops.shape(left)[-1]))
    return ops.matmul(
        ops.transpose(left), ops.reshape(right, (-1, ops.shape(right)[-1]))
    )


def delayed(tensor: Tensor) -> Tensor:
    """Return what was there one step before, zeros at first, (T, ...)."""
    return ops.concatenate([ops.zeros_like(tensor[:1]), tensor[:-1]])


def branch(tensor: Tensor) -> Tensor:
    """Return an equal tensor for some of the uses of one that has three or more.

    TensorFlow adds up three gradients in an order that depends on which buffer happens
    to be free, so that the last bit changes from run to run; two commute exactly.
    """
    return ops.copy(tensor)


def sequence_mask(lengths: Tensor, size: Tensor) -> Tensor:
    """Return which of `size` positions lie inside each sequence.

    Args:
        lengths: Number of real positions, (B,) int32.
        size: Padded length.

    Returns:
        (B, size) bool.
    """
    return (
        ops.arange(size, dtype="int32")[None, :] < ops.cast(lengths, "int32")[:, None]
    )


class LayerNormalization(keras.layers.LayerNormalization):
    """Keras's, written so that no value is used three times; see `loops.branch`."""

    def call(self, inputs: Tensor) -> Tensor:
        """Normalise the last axis, (..., n)."""
        centred = inputs - ops.mean(inputs, axis=-1, keepdims=True)
        variance = ops.mean(ops.square(centred), axis=-1, keepdims=True)
        scale = self.gamma * ops.rsqrt(variance + self.epsilon)
        return centred * scale + self.beta
