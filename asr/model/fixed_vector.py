"""Decoders without attention, to measure the gain from it."""

from __future__ import annotations

from typing import Any, NamedTuple

from keras import ops

from asr.arrays import Tensor
from asr.model.attention import Attention
from asr.model.ops import both_ends, product


class Vector(NamedTuple):
    """Inputs of attention to a fixed vector that all steps share."""

    values: Tensor  # memory, (B, S, D)
    vector: Tensor  # the context of all steps, (B, 1, D)


class FixedVector(Attention):
    """Cho's fixed vector: one context for all steps, made of both ends of the source.

    There both directions of the encoder have passed the whole source. All weights are
    0.

    Reference:
        K. Cho et al., EMNLP 2014, section 2.2.
    """

    def build(self, query_shape: Any, values_shape: Any) -> None:  # noqa: ARG002 - the interface
        """Create the projection of the two frames."""
        size = values_shape[-1]
        self.kernel = self.add_weight((2 * size, size), name="kernel")

    def prepare(self, memory: Tensor, mask: Tensor) -> Vector:
        """Compute the vector; see `Attention.prepare`."""
        return Vector(memory, ops.tanh(product(both_ends(memory, mask), self.kernel)))

    def attend(
        self,
        query: Tensor,
        memory: Vector,
        state: Tensor,
        dropout_mask: Tensor = None,  # noqa: ARG002 - the interface
    ) -> tuple[Any, Any, Any]:
        """Return the vector for every query, and weights of 0."""
        # Products, since an exported step has an open number of queries.
        ones = ops.ones_like(query[..., :1])  # (B, K, 1)
        frames = ops.transpose(memory.values[..., :1], (0, 2, 1))  # (B, 1, S)
        return memory.vector * ones, ops.zeros_like(frames) * ones, state


class NoContext(FixedVector):
    """Sutskever's decoder: it starts from the encoder's state and sees nothing else.

    The contexts are 0, so the weights of the decoder that read them are idle.

    Reference:
        I. Sutskever et al., NeurIPS 2014, section 2.
    """

    def build(self, query_shape: Any, values_shape: Any) -> None:
        """Create no weights."""

    def prepare(self, memory: Tensor, mask: Tensor) -> Vector:  # noqa: ARG002 - the interface
        """Return a vector of zeros; see `Attention.prepare`."""
        return Vector(memory, ops.zeros_like(memory[:, :1]))
