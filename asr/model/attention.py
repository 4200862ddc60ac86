"""Ways for the decoder to look at the memory: one class each, one interface."""

from __future__ import annotations

from typing import Any, NamedTuple

import keras
from keras import ops

from asr.config import AttentionConfig
from asr.model.loops import branch
from asr.tensors import Tensor

# Added to the energy of a padded frame: its weight becomes exactly 0 in float32.
_MASKED = -1e9


class AttentionMemory(NamedTuple):
    """What attention needs of the memory, computed once for each utterance.

    Attributes:
        keys: Projected memory, (B, S, A).
        values: Memory, (B, S, D).
        bias: 0 at real frames and a large negative number in the padding, (B, 1, S).
        location: Location filters as a banded matrix, (S, S * filters), or None.
    """

    keys: Tensor
    values: Tensor
    bias: Tensor
    location: Tensor = None


class BahdanauAttention(keras.layers.Layer):
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

    def __init__(self, config: AttentionConfig, **kwargs: Any) -> None:  # noqa: ANN401 - Keras layer arguments
        super().__init__(dtype="float32", **kwargs)
        self.config = config

    def build(self, query_units: int, memory_units: int) -> None:
        """Create the weights.

        Args:
            query_units: Size of the query.
            memory_units: Size of a memory frame.
        """
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

    def prepare(self, memory: Tensor, mask: Tensor) -> AttentionMemory:
        """Project the memory once for all steps.

        Args:
            memory: (B, S, D) float32.
            mask: Which frames are real, (B, S) bool.
        """
        keys = ops.matmul(memory, self.key_kernel) + self.bias
        bias = ops.where(mask, 0.0, _MASKED)[:, None, :]
        location = None
        if self.config.location_filters:
            location = self._location_matrix(ops.shape(memory)[1])
        return AttentionMemory(keys, memory, bias, location)

    def initial_state(self, memory: AttentionMemory, beam: int) -> Tensor:
        """Return the accumulated weights before the first step, (B, K, S)."""
        return ops.tile(ops.zeros_like(memory.bias), (1, beam, 1))

    def attend(
        self,
        query: Tensor,
        memory: AttentionMemory,
        state: Tensor,
        keep: Tensor = None,
    ) -> tuple[Any, Any, Any]:
        """Look at the memory once.

        Args:
            query: State of the decoder, (B, K, H).
            memory: What `prepare` returned.
            state: What the previous step or `initial_state` returned, (B, K, S).
            keep: Factors for the weights (dropout), (B, K, S), or None.

        Returns:
            Context (B, K, D), weights that sum to 1 (B, K, S), and the next state.
        """
        hidden = memory.keys[:, None] + ops.matmul(query, self.query_kernel)[:, :, None]
        if self.config.location_filters:
            batch, beam, frames = ops.shape(state)
            found = ops.matmul(state, memory.location)  # (B, K, S * filters)
            found = ops.reshape(found, (batch, beam, frames, -1))
            hidden = hidden + ops.matmul(found, self.filter_kernel)
        energy = ops.matmul(ops.tanh(hidden), self.energy)[..., 0]  # (B, K, S)
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


ATTENTIONS = {"bahdanau": BahdanauAttention}
