"""A scan over several inputs at once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from keras import ops

from asr.tensors import Tensor


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
        inputs: Each (T, ..., n); all n but the last must be known.
        reverse: Whether to begin at the end.

    Returns:
        The last carry, and the outputs of all steps, each (T, ...).
    """
    widths = [tensor.shape[-1] for tensor in inputs[:-1]]
    edges = [0]
    for width in widths:
        edges.append(edges[-1] + width)

    def split(carry: Tensor, joined: Tensor) -> tuple[Tensor, Tensor]:
        parts = [
            joined[..., first:last]
            for first, last in zip(edges, [*edges[1:], None], strict=True)
        ]
        return step(carry, parts)

    joined = inputs[0] if len(inputs) == 1 else ops.concatenate(inputs, axis=-1)
    return ops.scan(split, carry, joined, reverse=reverse)


def branch(tensor: Tensor) -> Tensor:
    """Return an equal tensor for some of the uses of one that has three or more.

    TensorFlow adds up three gradients in an order that depends on which buffer happens
    to be free, so that the last bit changes from run to run; two commute exactly.
    """
    return ops.copy(tensor)
