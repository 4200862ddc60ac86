"""Attention over the encoder output: the interface, and Bahdanau's attention."""

from __future__ import annotations

from typing import Any, NamedTuple, TypeAlias

import keras
from keras import ops

from asr.arrays import Tensor
from asr.config.schema import AttentionConfig
from asr.model.ops import branch, product

Memory: TypeAlias = Any
"""What `Attention.prepare` returns: a named tuple of tensors, one of them `values`."""

# Added to the energy of a frame that must not be seen: its weight becomes exactly 0.
MASKED = -1e9


def mask_bias(mask: Tensor) -> Tensor:
    """Return 0 at real frames and a large negative number elsewhere, (B, 1, S)."""
    return ops.expand_dims(ops.where(mask, 0.0, MASKED), 1)


class Attention(keras.layers.Layer):
    """A way to look at the memory, one decoder step at a time.

    K hypotheses of an utterance share one memory. Nothing of an utterance is kept in
    the layer: what `prepare` makes travels beside the decoder's state.

    Args:
        config: Sizes and choices.
    """

    def __init__(self, config: AttentionConfig, **kwargs: Any) -> None:
        super().__init__(dtype="float32", **kwargs)
        self.config = config

    def build(self, query_units: int, memory_units: int) -> None:
        """Create the weights.

        Args:
            query_units: Size of the query.
            memory_units: Size of a memory frame.

        Raises:
            RecipeError: The sizes do not fit this attention.
        """
        raise NotImplementedError

    def prepare(self, memory: Tensor, mask: Tensor) -> Memory:
        """Compute what all steps share.

        Args:
            memory: (B, S, D) float32.
            mask: Which frames are real, (B, S) bool.

        Returns:
            Named tensors; `values` is the memory itself.
        """
        raise NotImplementedError

    def initial_state(self, memory: Memory, beam: int) -> Tensor:
        """Return what the first step gets of those before, (B, K, n)."""
        return ops.zeros((ops.shape(memory.values)[0], beam, 1))

    def attend(
        self,
        query: Tensor,
        memory: Memory,
        state: Tensor,
        keep: Tensor = None,
    ) -> tuple[Any, Any, Any]:
        """Look at the memory once.

        Args:
            query: State of the decoder, (B, K, H).
            memory: What `prepare` returned.
            state: What the previous step or `initial_state` returned, (B, K, n).
            keep: What `noise` returned for this step, (B, K, S), or None.

        Returns:
            Context (B, K, D), weights that sum to 1 (B, K, S), and the next state.
        """
        raise NotImplementedError

    def noise(self, shape: tuple[Any, ...], dropout: float, seed: Any) -> Tensor:
        """Return what makes training random, of that shape, or None.

        It is dropout of the weights: factors that are 0 or 1 / (1 - dropout).
        """
        if not dropout:
            return None
        return keras.random.dropout(ops.ones(shape), dropout, seed=seed)


class BahdanauMemory(NamedTuple):
    """The memory as Bahdanau's attention needs it at each step, with its weights.

    Attributes:
        keys: Projected memory, (B, S, A).
        values: Memory, (B, S, D).
        bias: 0 at real frames and a large negative number in the padding, (B, 1, S).
        query_kernel: Projection of the query, (H, A).
        energy: What makes a number of each frame, (A, 1).
        location: Location filters as a banded matrix, (S, S * filters), or None.
        filter_kernel: Projection of the location features, (filters, A), or None.
    """

    keys: Tensor
    values: Tensor
    bias: Tensor
    query_kernel: Tensor
    energy: Tensor
    location: Tensor = None
    filter_kernel: Tensor = None


class BahdanauAttention(Attention):
    """Additive attention, with location features on request.

    The energy of frame s for query q is v . tanh(W q + V m_s + b + L f_s), where f_s
    are convolutions over the weights given to frames so far. K hypotheses of an
    utterance share one memory.

    Args:
        config: Size, and the number and width of the location filters.

    Reference:
        D. Bahdanau et al., ICLR 2015, section 3.1 and appendix A.1.2; location
        features: J. Chorowski et al., NeurIPS 2015, section 2.2, over accumulated
        weights. Filters and their projection are one product, so their number bounds
        its rank only where it is below the filter width.
    """

    def build(self, query_units: int, memory_units: int) -> None:
        """Create the weights; see `Attention.build`."""
        units = self.config.units
        self.query_kernel = self.add_weight(
            shape=(query_units, units), name="query_kernel"
        )
        self.key_kernel = self.add_weight(
            shape=(memory_units, units), name="key_kernel"
        )
        self.bias = self.add_weight(shape=(units,), initializer="zeros", name="bias")
        self.energy = self.add_weight(shape=(units, 1), name="energy")
        if self.config.location_filters:
            filters, width = self.config.location_filters, self.config.location_width
            self.filters = self.add_weight(shape=(width, filters), name="filters")
            self.filter_kernel = self.add_weight(
                shape=(filters, units), name="filter_kernel"
            )
        self.built = True

    def prepare(self, memory: Tensor, mask: Tensor) -> BahdanauMemory:
        """Project the memory; see `Attention.prepare`."""
        keys = ops.matmul(memory, self.key_kernel) + self.bias
        bias = mask_bias(mask)
        # Slices, since a custom gradient must not see TensorFlow's variables.
        prepared = BahdanauMemory(
            keys, memory, bias, self.query_kernel[:], self.energy[:]
        )
        if not self.config.location_filters:
            return prepared
        return prepared._replace(
            location=self._location_matrix(ops.shape(memory)[1]),
            filter_kernel=self.filter_kernel[:],
        )

    def initial_state(self, memory: BahdanauMemory, beam: int) -> Tensor:
        """Return the accumulated weights before the first step, (B, K, S)."""
        batch, frames, _ = ops.shape(memory.values)
        return ops.zeros((batch, beam, frames))

    def attend(
        self,
        query: Tensor,
        memory: BahdanauMemory,
        state: Tensor,
        keep: Tensor = None,
    ) -> tuple[Any, Any, Any]:
        """Look once; the state is the sum of the weights so far, (B, K, S)."""
        looked, _ = energies(product(query, memory.query_kernel), state, memory)
        # The state's shape, so that a loop finds again what is known of it.
        energy = ops.reshape(ops.matmul(looked, memory.energy), ops.shape(state))
        weights = ops.softmax(energy + memory.bias, axis=-1)
        given = branch(weights)
        used = given if keep is None else given * keep
        return ops.matmul(used, memory.values), weights, state + given

    def _location_matrix(self, frames: Tensor) -> Tensor:
        """Write the convolution as one matrix product.

        On a CPU the backward pass of a convolution of one channel costs several times
        what this product does, and it is made once for all steps.
        """
        width = self.config.location_width
        position = ops.arange(frames, dtype="int32")
        tap = position[:, None] - position[None, :] + (width - 1) // 2  # (S, S)
        inside = ops.cast((tap >= 0) & (tap < width), "float32")[..., None]
        taps = ops.take(self.filters, ops.clip(tap, 0, width - 1), axis=0)
        return ops.reshape(taps * inside, (frames, -1))


def energies(query: Tensor, state: Tensor, memory: BahdanauMemory) -> tuple[Any, Any]:
    """Return the tanh of the energies, (B * K * S, A), and location features."""
    batch, beam, frames = ops.shape(state)
    units = memory.energy.shape[0]
    hidden = ops.expand_dims(memory.keys, 1) + ops.expand_dims(query, 2)
    found = None
    if memory.location is not None:
        found = ops.matmul(ops.reshape(state, (-1, frames)), memory.location)
        found = ops.reshape(found, (-1, memory.filter_kernel.shape[0]))
        moved = ops.matmul(found, memory.filter_kernel)  # (B * K * S, A)
        hidden = hidden + ops.reshape(moved, (batch, beam, frames, units))
    return ops.tanh(ops.reshape(hidden, (-1, units))), found
