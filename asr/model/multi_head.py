"""Multi-head attention, for the decoder and inside the Transformer encoder."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

from keras import ops

from asr.arrays import Tensor
from asr.errors import RecipeError
from asr.model.attention import Attention, drop, mask_bias
from asr.model.ops import product


class HeadsMemory(NamedTuple):
    """Inputs of multi-head attention that all steps share."""

    keys: Tensor  # keys of each head, (B, heads, A / heads, S)
    heads: Tensor  # values of each head, (B, heads, S, A / heads)
    values: Tensor  # memory, (B, S, D)
    bias: Tensor  # see `mask_bias`, (B, 1, S)


class MultiHeadAttention(Attention):
    """Scaled dot products in several heads; equal to `keras.layers.MultiHeadAttention`.

    The weights returned are the mean over the heads. There is no state.

    Reference:
        A. Vaswani et al., NeurIPS 2017, section 3.2.
    """

    def build(self, query_units: int, memory_units: int) -> None:
        """Create the projections of queries, keys, values and the output."""
        units, heads = self.config.units, self.config.heads
        if units % heads:
            raise RecipeError(
                f"model.attention.heads: {heads} heads do not divide "
                f"model.attention.units, {units}"
            )
        shapes = {
            "query": (query_units, units),
            "key": (memory_units, units),
            "value": (memory_units, units),
            "output": (units, memory_units),
        }
        self.kernels = {
            name: self.add_weight(shape, name=f"{name}_kernel")
            for name, shape in shapes.items()
        }
        self.biases = {
            name: self.add_weight(shape[1:], "zeros", name=f"{name}_bias")
            for name, shape in shapes.items()
        }
        self.built = True

    def prepare(self, memory: Tensor, mask: Tensor) -> HeadsMemory:
        """Project the memory for each head; see `Attention.prepare`."""
        return HeadsMemory(
            keys=ops.transpose(self._heads("key", memory), (0, 2, 3, 1)),
            heads=ops.transpose(self._heads("value", memory), (0, 2, 1, 3)),
            values=memory,
            bias=mask_bias(mask),
        )

    def attend(
        self,
        query: Tensor,
        memory: HeadsMemory,
        state: Tensor,
        dropout_mask: Tensor = None,
    ) -> tuple[Any, Any, Any]:
        """Compute the context of one step; see `Attention.attend`."""
        batch, beam, _ = ops.shape(query)
        units = self.config.units
        queries = ops.transpose(self._heads("query", query), (0, 2, 1, 3))
        energies = ops.matmul(queries, memory.keys)  # (B, heads, K, S)
        scale = 1.0 / math.sqrt(units // self.config.heads)
        bias = ops.expand_dims(memory.bias, 1)
        weights = ops.softmax(scale * energies + bias, axis=-1)
        if dropout_mask is not None:
            dropout_mask = ops.expand_dims(dropout_mask, 1)  # the same for all heads
        context = ops.matmul(drop(weights, dropout_mask), memory.heads)
        context = ops.reshape(
            ops.transpose(context, (0, 2, 1, 3)), (batch, beam, units)
        )
        return self._project("output", context), ops.mean(weights, axis=1), state

    def _project(self, name: str, tensor: Tensor) -> Tensor:
        return product(tensor, self.kernels[name]) + self.biases[name]

    def _heads(self, name: str, tensor: Tensor) -> Tensor:
        """Return a projection split by heads, (B, n, heads, A / heads)."""
        heads, units = self.config.heads, self.config.units
        batch, size, _ = ops.shape(tensor)
        projected = self._project(name, tensor)
        return ops.reshape(projected, (batch, size, heads, units // heads))
