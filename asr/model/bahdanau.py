"""Bahdanau's additive attention, with location features."""

from __future__ import annotations

from typing import Any, NamedTuple

from keras import ops

from asr.arrays import Tensor
from asr.model.attention import Attention, mask_bias, softmax, weighted_sum
from asr.model.ops import branch, product, serializable


class BahdanauMemory(NamedTuple):
    """Inputs of Bahdanau's attention that all steps share; the last two may be None."""

    keys: Tensor  # projected memory, V m + b, (B, S, A)
    values: Tensor  # memory, (B, S, D)
    bias: Tensor  # see `mask_bias`, (B, 1, S)
    query_kernel: Tensor  # W, (H, A)
    energy: Tensor  # v, (A, 1)
    location: Tensor = None  # location filters as a banded matrix, (S, S * filters)
    filter_kernel: Tensor = None  # L, (filters, A)


@serializable
class BahdanauAttention(Attention):
    """Additive attention, with location features if `location_filters` > 0.

    The energy of frame s for query q is v . tanh(W q + V m_s + b + L f_s). The weights
    are the softmax of the energies. The features f_s are a convolution over the sum of
    the weights of earlier steps; that sum is the state, (B, K, S).

    Args:
        units: Size of projected queries and keys, A.
        location_filters: Filters over the accumulated weights; 0 for none.
        location_width: Width of these filters in frames.

    Call arguments and returns: see `Attention`.

    Reference:
        D. Bahdanau et al., ICLR 2015, section 3.1 and appendix A.1.2. Location
        features: J. Chorowski et al., NeurIPS 2015, section 2.2, here over accumulated
        weights.
    """

    def __init__(
        self,
        units: int,
        location_filters: int = 0,
        location_width: int = 31,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.units = units
        self.location_filters = location_filters
        self.location_width = location_width
        self.ordered = location_filters > 0

    def build(self, query_shape: Any, values_shape: Any) -> None:
        """Create the weights; see `Attention.build`."""
        units, add = self.units, self.add_weight
        self.query_kernel = add((query_shape[-1], units), name="query_kernel")
        self.key_kernel = add((values_shape[-1], units), name="key_kernel")
        self.bias = add((units,), "zeros", name="bias")
        self.energy = add((units, 1), name="energy")
        if self.location_filters:
            filters, width = self.location_filters, self.location_width
            self.filters = add((width, filters), name="filters")
            self.filter_kernel = add((filters, units), name="filter_kernel")

    def get_config(self) -> dict[str, Any]:
        """Return the arguments of the layer."""
        return {
            **super().get_config(),
            "units": self.units,
            "location_filters": self.location_filters,
            "location_width": self.location_width,
        }

    def prepare(self, memory: Tensor, mask: Tensor) -> BahdanauMemory:
        """Project the memory; see `Attention.prepare`."""
        keys = ops.matmul(memory, self.key_kernel) + self.bias
        located: tuple[Any, ...] = ()
        # Slices: a custom gradient must not capture TensorFlow variables.
        kernels = self.query_kernel[:], self.energy[:]
        if self.location_filters:
            matrix = self._location_matrix(ops.shape(memory)[1])
            located = matrix, self.filter_kernel[:]
        return BahdanauMemory(keys, memory, mask_bias(mask), *kernels, *located)

    def initial_state(self, memory: BahdanauMemory, beam: int) -> Tensor:
        """Return the accumulated weights before the first step, (B, K, S)."""
        batch, frames, _ = ops.shape(memory.values)
        return ops.zeros((batch, beam, frames))

    def attend(
        self,
        query: Tensor,
        memory: BahdanauMemory,
        state: Tensor,
        dropout_mask: Tensor = None,
    ) -> tuple[Any, Any, Any]:
        """Compute the context of one step; see `Attention.attend`."""
        hidden, _ = activations(product(query, memory.query_kernel), state, memory)
        # The shape of the state: a loop must find the static shape of its carry again.
        energies = ops.reshape(ops.matmul(hidden, memory.energy), ops.shape(state))
        weights = softmax(energies, memory.bias)
        shared = branch(weights)
        context = weighted_sum(shared, memory.values, dropout_mask)
        return context, weights, state + shared

    def _location_matrix(self, frames: Tensor) -> Tensor:
        """Return the convolution as a banded matrix, (S, S * filters).

        On a CPU the backward pass of a convolution of one channel costs several times
        as much as this product. One matrix serves all steps.
        """
        width = self.location_width
        position = ops.arange(frames, dtype="int32")
        tap = position[:, None] - position[None, :] + (width - 1) // 2  # (S, S)
        taps = ops.take(self.filters, ops.clip(tap, 0, width - 1), axis=0)
        inside = ops.cast((tap >= 0) & (tap < width), taps.dtype)
        inside = ops.expand_dims(inside, -1)  # LiteRT cannot add an axis by indexing
        return ops.reshape(taps * inside, (frames, -1))


def activations(
    query: Tensor, state: Tensor, memory: BahdanauMemory
) -> tuple[Any, Any]:
    """Compute tanh(W q + V m_s + b + L f_s) for all frames.

    Args:
        query: Projected query, W q, (B, K, A).
        state: Sum of earlier weights, (B, K, S).
        memory: Result of `BahdanauAttention.prepare`.

    Returns:
        Activations (B * K * S, A), and location features (B * K * S, filters) or None.
    """
    batch, beam, frames = ops.shape(state)
    units = memory.energy.shape[0]
    hidden = ops.expand_dims(memory.keys, 1) + ops.expand_dims(query, 2)
    features = None
    if memory.location is not None:
        rows = ops.cast(ops.reshape(state, (-1, frames)), hidden.dtype)
        features = ops.matmul(rows, memory.location)
        features = ops.reshape(features, (-1, memory.filter_kernel.shape[0]))
        projected = ops.matmul(features, memory.filter_kernel)  # (B * K * S, A)
        hidden = hidden + ops.reshape(projected, (batch, beam, frames, units))
    return ops.tanh(ops.reshape(hidden, (-1, units))), features
