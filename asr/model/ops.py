"""Tensor operations of several layers: masks, loops, products, layer normalisation."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import keras
from keras import ops

from asr.arrays import Tensor

serializable = keras.saving.register_keras_serializable("asr")
"""Decorator of layers that `keras.models.load_model` finds by name."""


def sequence_mask(lengths: Tensor, size: Tensor) -> Tensor:
    """Return True at real positions and False in the padding, (B, size) bool.

    Args:
        lengths: Number of real positions, (B,) int32.
        size: Padded length.
    """
    return (
        ops.arange(size, dtype="int32")[None, :] < ops.cast(lengths, "int32")[:, None]
    )


def both_ends(memory: Tensor, mask: Tensor) -> Tensor:
    """Return the first and the last real frame of each memory, joined, (B, 1, 2D).

    Args:
        memory: (B, S, D).
        mask: True at real frames, (B, S) bool.
    """
    lengths = ops.sum(ops.cast(mask, "int32"), axis=-1)  # (B,)
    last = ops.one_hot(ops.maximum(lengths - 1, 0), ops.shape(memory)[1])
    last = ops.matmul(ops.expand_dims(last, 1), memory)  # (B, 1, D)
    return ops.concatenate([memory[:, :1], last], axis=-1)


def present(nest: Any) -> list[Any]:
    """Return the tensors of a nest in their order, without None."""
    return [leaf for leaf in keras.tree.flatten(nest) if leaf is not None]


def fill(nest: Any, tensors: Iterable[Any]) -> Any:
    """Return the nest with other tensors in place of those of `present`."""
    rest = iter(tensors)
    return keras.tree.map_structure(
        lambda leaf: None if leaf is None else next(rest), nest
    )


def scan(
    step: Callable[[Any, Any], tuple[Any, Any]],
    carry: Any,
    inputs: Any,
    *,
    reverse: bool = False,
) -> tuple[Any, Any]:
    """Run `keras.ops.scan` over nests of tensors, in which None may stand.

    The inputs travel as one tensor: on TensorFlow, Keras 3.15 fails on several inputs
    of unknown length, and one read per step is faster than several.

    Args:
        step: `(carry, inputs of this step) -> (carry, outputs)`. Outputs must have the
            structure and the shapes of the carry.
        carry: Nest of tensors before the first step.
        inputs: Nest of tensors, (T, ..., n) each; they differ in the last axis only.
        reverse: Whether to begin at the end.

    Returns:
        The last carry, and the outputs of all steps, (T, ...) each.
    """
    tensors = present(inputs)
    ends: list[Any] = [0]
    for tensor in tensors[:-1]:
        ends.append(ends[-1] + ops.shape(tensor)[-1])

    def body(values: list[Any], joined: Tensor) -> tuple[list[Any], list[Any]]:
        parts = [
            joined[..., first:last]
            for first, last in zip(ends, [*ends[1:], None], strict=True)
        ]
        following, outputs = step(fill(carry, values), fill(inputs, parts))
        return present(following), present(outputs)

    joined = tensors[0] if len(tensors) == 1 else ops.concatenate(tensors, axis=-1)
    last, outputs = ops.scan(body, present(carry), joined, reverse=reverse)
    return fill(carry, last), fill(carry, outputs)


def product(tensor: Tensor, kernel: Tensor) -> Tensor:
    """Multiply the last axis by a matrix: (..., n) and (n, m) -> (..., m).

    It is one product of two matrices. For three axes, `keras.ops.matmul` is slower on
    TensorFlow: a dozen small operations on shapes, or one gradient for each row.
    """
    leading = [-1 if size is None else size for size in tensor.shape[:-1]]
    if leading.count(-1) > 1:
        leading = ops.shape(tensor)[:-1]
    flat = ops.reshape(tensor, (-1, kernel.shape[0]))
    return ops.reshape(ops.matmul(flat, kernel), (*leading, kernel.shape[-1]))


def outer_sum(left: Tensor, right: Tensor) -> Tensor:
    """Return the sum of outer products: (..., n) and (..., m) -> (n, m)."""
    left = ops.reshape(left, (-1, ops.shape(left)[-1]))
    right = ops.reshape(right, (-1, ops.shape(right)[-1]))
    return ops.matmul(ops.transpose(left), right)


def delayed(tensor: Tensor, first: Tensor = None) -> Tensor:
    """Shift by one step, (T, ...); the first is `first` (...), or zeros."""
    before = ops.zeros_like(tensor[:1]) if first is None else ops.expand_dims(first, 0)
    return ops.concatenate([before, tensor[:-1]])


def branch(tensor: Tensor) -> Tensor:
    """Return a copy, for some of the uses of a tensor that has three or more.

    TensorFlow adds three gradients in an order that depends on free buffers, so that
    the last bit changes from run to run. The sum of two is the same in any order.
    """
    return ops.copy(tensor)


class LayerNormalization(keras.layers.LayerNormalization):
    """Layer normalisation that uses no value three times; see `branch`."""

    def call(self, inputs: Tensor) -> Tensor:
        """Normalise the last axis, (..., n)."""
        centred = inputs - ops.mean(inputs, axis=-1, keepdims=True)
        variance = ops.mean(ops.square(centred), axis=-1, keepdims=True)
        scale = self.gamma * ops.rsqrt(variance + self.epsilon)
        return centred * scale + self.beta
