"""Multi-head attention, for the decoder and inside the Transformer encoder."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

from keras import ops

from asr.arrays import Tensor
from asr.model.attention import Attention, mask_bias, softmax, weighted_sum
from asr.model.ops import product, serializable


class HeadsMemory(NamedTuple):
    """Inputs of multi-head attention that all steps share."""

    keys: Tensor  # keys of each head, (B, heads, A / heads, S)
    heads: Tensor  # values of each head, (B, heads, S, A / heads)
    values: Tensor  # memory, (B, S, D)
    bias: Tensor  # see `mask_bias`, (B, 1, S)


@serializable
class MultiHeadAttention(Attention):
    """Scaled dot products in several heads; equal to `keras.layers.MultiHeadAttention`.

    The weights returned are the mean over the heads. There is no state.

    Args:
        num_heads: Number of heads.
        key_dim: Size of the queries, keys and values of one head, A / heads.

    Call arguments and returns: see `Attention`.

    Reference:
        A. Vaswani et al., NeurIPS 2017, section 3.2.
    """

    def __init__(self, num_heads: int, key_dim: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.num_heads, self.key_dim = num_heads, key_dim

    def build(self, query_shape: Any, values_shape: Any) -> None:
        """Create the projections of queries, keys, values and the output."""
        units, size = self.num_heads * self.key_dim, values_shape[-1]
        shapes = {
            "query": (query_shape[-1], units),
            "key": (size, units),
            "value": (size, units),
            "output": (units, size),
        }
        self.kernels = {
            name: self.add_weight(shape, name=f"{name}_kernel")
            for name, shape in shapes.items()
        }
        self.biases = {
            name: self.add_weight(shape[1:], "zeros", name=f"{name}_bias")
            for name, shape in shapes.items()
        }

    def get_config(self) -> dict[str, Any]:
        """Return the arguments of the layer."""
        sizes = {"num_heads": self.num_heads, "key_dim": self.key_dim}
        return {**super().get_config(), **sizes}

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
        queries = ops.transpose(self._heads("query", query), (0, 2, 1, 3))
        energies = ops.matmul(queries, memory.keys)  # (B, heads, K, S)
        energies = (1.0 / math.sqrt(self.key_dim)) * energies
        weights = softmax(energies, ops.expand_dims(memory.bias, 1))
        if dropout_mask is not None:
            dropout_mask = ops.expand_dims(dropout_mask, 1)  # the same for all heads
        context = weighted_sum(weights, memory.heads, dropout_mask)
        context = ops.transpose(context, (0, 2, 1, 3))  # (B, K, heads, A / heads)
        shape = (*ops.shape(query)[:2], self.num_heads * self.key_dim)
        context = self._project("output", ops.reshape(context, shape))
        return context, ops.mean(weights, axis=1), state

    def _project(self, name: str, tensor: Tensor) -> Tensor:
        return product(tensor, self.kernels[name]) + self.biases[name]

    def _heads(self, name: str, tensor: Tensor) -> Tensor:
        """Return a projection split by heads, (B, n, heads, A / heads)."""
        batch, size, _ = ops.shape(tensor)
        projected = self._project(name, tensor)
        return ops.reshape(projected, (batch, size, self.num_heads, self.key_dim))
