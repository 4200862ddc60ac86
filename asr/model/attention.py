"""Interface of all kinds of attention, and what they share."""

from __future__ import annotations

from typing import Any, TypeAlias

import keras
from keras import ops

from asr.arrays import Tensor
from asr.model.ops import scan

Memory: TypeAlias = Any
"""Named tuple that `Attention.prepare` returns; its field `values` is (B, S, D)."""

# Added to the energy of a padded frame: its weight becomes exactly 0.
MASKED = -1e9


def mask_bias(mask: Tensor) -> Tensor:
    """Return 0 at real frames and a large negative number elsewhere, (B, 1, S)."""
    return ops.expand_dims(ops.where(mask, 0.0, MASKED), 1)


def softmax(energies: Tensor, bias: Tensor) -> Tensor:
    """Return the weights of energies (..., K, S), in float32 under mixed precision.

    Args:
        energies: Energies of all frames.
        bias: See `mask_bias`.
    """
    return ops.softmax(ops.cast(energies, "float32") + bias, axis=-1)


def drop(weights: Tensor, dropout_mask: Tensor) -> Tensor:
    """Multiply weights by their dropout mask, if there is one."""
    return weights if dropout_mask is None else weights * dropout_mask


def weighted_sum(weights: Tensor, values: Tensor, dropout_mask: Tensor = None) -> Any:
    """Return the contexts (..., K, D) of weights (..., K, S) over values (..., S, D).

    Args:
        weights: Attention weights.
        values: What they are weights of.
        dropout_mask: Factors of the weights, or None.
    """
    weights = drop(weights, dropout_mask)
    return ops.matmul(ops.cast(weights, values.dtype), values)


class Attention(keras.layers.Layer):
    """Interface of attention: for each query one context, a weighted sum of values.

    As a Keras layer it takes queries and values. A decoder, whose queries depend on
    earlier contexts, calls `prepare` once and then `attend` for each step. K hypotheses
    of an utterance share one memory. The layer keeps nothing of an utterance: the
    caller carries what `prepare` and `attend` return.

    Attributes:
        ordered: Whether a query depends on the weights, or the number, of earlier ones.
        random: Seed of `noise` in a call of the layer.

    Call arguments:
        query: One query each, (B, H), or a sequence of them, (B, K, H).
        values: (B, S, D).
        mask: True at values that count, (B, S) bool; by default the mask that the
            values carry, or all of them.
        training: Whether to draw random numbers; only `HardAttention` does.

    Returns:
        Contexts, (B, D) or (B, K, D), and weights that sum to 1, (B, S) or (B, K, S)
        float32.
    """

    ordered = False
    random: Any = None

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.supports_masking = True

    def build(self, query_shape: Any, values_shape: Any) -> None:
        """Create the weights for queries and values of these shapes.

        Raises:
            ValueError: The sizes do not fit this attention.
        """
        raise NotImplementedError

    def prepare(self, memory: Tensor, mask: Tensor) -> Memory:
        """Compute the inputs that all steps share.

        Args:
            memory: The values, (B, S, D).
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

    def call(
        self,
        query: Tensor,
        values: Tensor,
        mask: Tensor = None,
        training: bool = False,
        values_mask: Tensor = None,
    ) -> tuple[Any, Any]:
        """See the class; Keras hands in the mask of the values as `values_mask`."""
        if mask is None:
            mask = values_mask
        if mask is None:
            mask = ops.ones(ops.shape(values)[:2], "bool")
        memory = self.prepare(values, ops.cast(mask, "bool"))
        single = len(query.shape) == 2
        queries = ops.expand_dims(query, 1) if single else query
        if self.ordered:
            context, weights = self._attend_in_turn(queries, memory)
        else:
            count, noise = ops.shape(queries)[1], None
            if training:
                shape = (*ops.shape(values)[:1], count, ops.shape(values)[1])
                noise = self.noise(shape, 0.0, self.random)
            state = self.initial_state(memory, count)
            context, weights, _ = self.attend(queries, memory, state, noise)
        if single:
            return ops.squeeze(context, 1), ops.squeeze(weights, 1)
        return context, weights

    def compute_output_spec(self, query: Any, values: Any, *_: Any, **__: Any) -> Any:
        """Return symbolic outputs without tracing a loop."""
        leading = query.shape[:-1]
        return (
            keras.KerasTensor((*leading, values.shape[-1]), self.compute_dtype),
            keras.KerasTensor((*leading, values.shape[1])),
        )

    def compute_mask(self, query: Any, previous_mask: Any = None) -> Any:  # noqa: ARG002 - Keras signature
        """Return the mask of the contexts: that of the queries."""
        return getattr(query, "_keras_mask", None)

    def _attend_in_turn(self, queries: Tensor, memory: Memory) -> tuple[Any, Any]:
        """Take the queries as the steps of a decoder."""

        def step(carry: Any, query: Tensor) -> tuple[Any, Any]:
            following = self.attend(query, memory, carry[2])
            return following, following  # `scan` needs outputs like the carry

        start = (
            ops.zeros_like(memory.values[:, :1]),
            ops.zeros_like(memory.bias),
            self.initial_state(memory, 1),
        )
        queries = ops.expand_dims(ops.transpose(queries, (1, 0, 2)), 2)  # (K, B, 1, H)
        _, (contexts, weights, _) = scan(step, start, queries)
        return tuple(
            ops.transpose(it[:, :, 0], (1, 0, 2)) for it in (contexts, weights)
        )
