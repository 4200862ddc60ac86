"""Attention over the memory: the interface, and Bahdanau's additive attention."""

from __future__ import annotations

from typing import Any, NamedTuple, TypeAlias

import keras
from keras import ops

from asr.arrays import Tensor
from asr.config.schema import AttentionConfig
from asr.model.ops import branch, product

Memory: TypeAlias = Any
"""Named tuple that `Attention.prepare` returns; its field `values` is (B, S, D)."""

# Added to the energy of a padded frame: its weight becomes exactly 0.
MASKED = -1e9


def mask_bias(mask: Tensor) -> Tensor:
    """Return 0 at real frames and a large negative number elsewhere, (B, 1, S)."""
    return ops.expand_dims(ops.where(mask, 0.0, MASKED), 1)


def drop(weights: Tensor, dropout_mask: Tensor) -> Tensor:
    """Multiply weights by their dropout mask, if there is one."""
    return weights if dropout_mask is None else weights * dropout_mask


class Attention(keras.layers.Layer):
    """Interface of attention: one query, one context, for each decoder step.

    K hypotheses of an utterance share one memory. The layer keeps nothing of an
    utterance: the caller carries what `prepare` and `attend` return.

    Args:
        config: Kind and sizes.
    """

    def __init__(self, config: AttentionConfig, **kwargs: Any) -> None:
        super().__init__(dtype="float32", **kwargs)
        self.config = config

    def build(self, query_units: int, memory_units: int) -> None:
        """Create the weights for queries and memory frames of these sizes.

        Raises:
            RecipeError: The sizes do not fit this attention.
        """
        raise NotImplementedError

    def prepare(self, memory: Tensor, mask: Tensor) -> Memory:
        """Compute the inputs that all steps share.

        Args:
            memory: (B, S, D) float32.
            mask: True at real frames, (B, S) bool.
        """
        raise NotImplementedError

    def initial_state(self, memory: Memory, beam: int) -> Tensor:
        """Return the state before the first step, (B, K, n)."""
        return ops.zeros((ops.shape(memory.values)[0], beam, 1))

    def attend(
        self,
        query: Tensor,
        memory: Memory,
        state: Tensor,
        dropout_mask: Tensor = None,
    ) -> tuple[Any, Any, Any]:
        """Compute the context of one decoder step.

        Args:
            query: State of the decoder, (B, K, H).
            memory: Result of `prepare`.
            state: Result of the previous step or of `initial_state`, (B, K, n).
            dropout_mask: Result of `noise` for this step, (B, K, S), or None.

        Returns:
            Context (B, K, D), weights that sum to 1 (B, K, S), and the next state.
        """
        raise NotImplementedError

    def noise(self, shape: tuple[Any, ...], dropout: float, seed: Any) -> Tensor:
        """Return random numbers for training: here a dropout mask, or None."""
        if not dropout:
            return None
        return keras.random.dropout(ops.ones(shape), dropout, seed=seed)


class BahdanauMemory(NamedTuple):
    """Inputs of Bahdanau's attention that all steps share; the last two may be None."""

    keys: Tensor  # projected memory, V m + b, (B, S, A)
    values: Tensor  # memory, (B, S, D)
    bias: Tensor  # see `mask_bias`, (B, 1, S)
    query_kernel: Tensor  # W, (H, A)
    energy: Tensor  # v, (A, 1)
    location: Tensor = None  # location filters as a banded matrix, (S, S * filters)
    filter_kernel: Tensor = None  # L, (filters, A)


class BahdanauAttention(Attention):
    """Additive attention, with location features if `location_filters` > 0.

    The energy of frame s for query q is v . tanh(W q + V m_s + b + L f_s). The weights
    are the softmax of the energies. The features f_s are a convolution over the sum of
    the weights of earlier steps; that sum is the state, (B, K, S).

    Args:
        config: Size, and the number and width of the location filters.

    Reference:
        D. Bahdanau et al., ICLR 2015, section 3.1 and appendix A.1.2. Location
        features: J. Chorowski et al., NeurIPS 2015, section 2.2, here over accumulated
        weights.
    """

    def build(self, query_units: int, memory_units: int) -> None:
        """Create the weights; see `Attention.build`."""
        units, add = self.config.units, self.add_weight
        self.query_kernel = add((query_units, units), name="query_kernel")
        self.key_kernel = add((memory_units, units), name="key_kernel")
        self.bias = add((units,), "zeros", name="bias")
        self.energy = add((units, 1), name="energy")
        if self.config.location_filters:
            filters, width = self.config.location_filters, self.config.location_width
            self.filters = add((width, filters), name="filters")
            self.filter_kernel = add((filters, units), name="filter_kernel")
        self.built = True

    def prepare(self, memory: Tensor, mask: Tensor) -> BahdanauMemory:
        """Project the memory; see `Attention.prepare`."""
        keys = ops.matmul(memory, self.key_kernel) + self.bias
        located: tuple[Any, ...] = ()
        # Slices: a custom gradient must not capture TensorFlow variables.
        kernels = self.query_kernel[:], self.energy[:]
        if self.config.location_filters:
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
        weights = ops.softmax(energies + memory.bias, axis=-1)
        shared = branch(weights)
        context = ops.matmul(drop(shared, dropout_mask), memory.values)
        return context, weights, state + shared

    def _location_matrix(self, frames: Tensor) -> Tensor:
        """Return the convolution as a banded matrix, (S, S * filters).

        On a CPU the backward pass of a convolution of one channel costs several times
        as much as this product. One matrix serves all steps.
        """
        width = self.config.location_width
        position = ops.arange(frames, dtype="int32")
        tap = position[:, None] - position[None, :] + (width - 1) // 2  # (S, S)
        inside = ops.cast((tap >= 0) & (tap < width), "float32")
        inside = ops.expand_dims(inside, -1)  # LiteRT cannot add an axis by indexing
        taps = ops.take(self.filters, ops.clip(tap, 0, width - 1), axis=0)
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
        features = ops.matmul(ops.reshape(state, (-1, frames)), memory.location)
        features = ops.reshape(features, (-1, memory.filter_kernel.shape[0]))
        projected = ops.matmul(features, memory.filter_kernel)  # (B * K * S, A)
        hidden = hidden + ops.reshape(projected, (batch, beam, frames, units))
    return ops.tanh(ops.reshape(hidden, (-1, units))), features
