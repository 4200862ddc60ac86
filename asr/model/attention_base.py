"""What every attention has in common: the interface the decoder knows."""

from __future__ import annotations

from typing import Any, TypeAlias

import keras
from keras import ops

from asr.config import AttentionConfig
from asr.tensors import Tensor

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

    def __init__(self, config: AttentionConfig, **kwargs: Any) -> None:  # noqa: ANN401 - Keras layer arguments
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

    def noise(self, shape: tuple[Any, ...], dropout: float, seed: Any) -> Tensor:  # noqa: ANN401 - a Keras seed
        """Return what makes training random, of that shape, or None.

        It is dropout of the weights: factors that are 0 or 1 / (1 - dropout).
        """
        if not dropout:
            return None
        return keras.random.dropout(ops.ones(shape), dropout, seed=seed)
