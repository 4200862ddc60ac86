"""Additive attention with location features, and its derivative written out."""

from __future__ import annotations

from typing import Any, NamedTuple

from keras import ops

from asr.model.attention_base import Attention, mask_bias
from asr.model.loops import branch, outer_sum, product
from asr.tensors import Tensor


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
        looked, _ = _look(product(query, memory.query_kernel), state, memory)
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


def _look(query: Tensor, state: Tensor, memory: BahdanauMemory) -> tuple[Any, Any]:
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


class BahdanauBackward:
    """Derivatives of `BahdanauAttention.attend`, one hypothesis an utterance.

    What each step can only add up is `sums`; what all steps together make one product
    of is `emitted` by each.

    Attributes:
        inputs: What `step` reads, each (U, B, n).
        emitted: Zeros of the shapes of what each step emits.
        sums: Zeros of the shapes of what each step adds.

    Args:
        memory: What `BahdanauAttention.prepare` returned.
        queries: All queries, (U, B, H).
        weights: What `attend` made of them, (U, B, S).
        keep: Factors for the weights, (U, B, S), or None.
    """

    def __init__(
        self, memory: BahdanauMemory, queries: Tensor, weights: Tensor, keep: Tensor
    ) -> None:
        self.memory = memory
        self.queries = queries
        self.states = ops.cumsum(weights, axis=0) - weights
        self.used = weights if keep is None else weights * keep
        projected = product(queries, memory.query_kernel)
        self.inputs = [projected, weights, self.states]
        self.inputs += [] if keep is None else [keep]
        self.emitted: tuple[Any, ...] = (ops.zeros_like(projected[0]),)
        self.sums: tuple[Any, ...] = (
            ops.zeros_like(memory.keys),
            ops.transpose(ops.zeros_like(memory.energy)),
        )
        self.query_back = memory.energy * ops.transpose(memory.query_kernel)
        if memory.location is not None:
            self.location_back = ops.transpose(memory.location)
            self.filter_back = memory.energy * ops.transpose(memory.filter_kernel)
            self.emitted += (ops.matmul(self.states[0], memory.location),)
            self.sums += (ops.zeros_like(memory.filter_kernel),)

    def step(
        self, inputs: list[Any], d_context: Tensor, d_weights: Tensor, d_state: Tensor
    ) -> tuple[Any, Any, tuple[Any, ...], tuple[Any, ...]]:
        """Go one step back.

        Args:
            inputs: What `inputs` holds of this step, each (B, n).
            d_context: Gradient of the context, (B, D).
            d_weights: Gradient of the weights given out, (B, S).
            d_state: Gradient of the state handed on, (B, S).

        Returns:
            Gradients of the query (B, H) and of the state before (B, S), what the step
            emits, and what it adds.
        """
        query, weights, state, *keep = inputs
        batch, frames = ops.shape(weights)
        units = self.memory.energy.shape[0]
        looked, found = _look(query[:, None], state[:, None], self.memory)
        d_used = ops.matmul(self.memory.values, d_context[:, :, None])[:, :, 0]
        d_weights = d_weights + d_state + (d_used * keep[0] if keep else d_used)
        mean = ops.sum(weights * d_weights, axis=-1, keepdims=True)
        d_energy = ops.reshape(weights * (d_weights - mean), (-1, 1))  # (B * S, 1)
        # All but the factor `energy`, which is the same for all frames and steps.
        slope = d_energy * (1.0 - looked * looked)  # (B * S, A)
        by_key = ops.reshape(slope, (batch, frames, units))
        by_query = ops.sum(by_key, axis=1)
        emitted: tuple[Any, ...] = (by_query,)
        added: tuple[Any, ...] = (
            by_key,
            ops.matmul(ops.reshape(d_energy, (1, -1)), looked),
        )
        if found is not None:
            # Sizes in full: one of several devices may have no clip of a batch.
            size = frames * self.memory.filter_kernel.shape[0]
            d_found = ops.reshape(ops.matmul(slope, self.filter_back), (batch, size))
            d_state = d_state + ops.matmul(d_found, self.location_back)
            emitted += (d_found,)
            added += (ops.matmul(ops.transpose(found), slope),)
        return ops.matmul(by_query, self.query_back), d_state, emitted, added

    def finish(
        self, d_contexts: Tensor, emitted: tuple[Any, ...], sums: tuple[Any, ...]
    ) -> BahdanauMemory:
        """Return the gradients of all that `memory` holds.

        Args:
            d_contexts: Gradients of the contexts, (U, B, D).
            emitted: What the steps emitted, each (U, B, n).
            sums: What they added up.
        """
        energy = ops.transpose(self.memory.energy)
        used = ops.transpose(self.used, (1, 2, 0))  # (B, S, U)
        found = BahdanauMemory(
            keys=sums[0] * energy,
            values=ops.matmul(used, ops.transpose(d_contexts, (1, 0, 2))),
            bias=ops.zeros_like(self.memory.bias),
            query_kernel=outer_sum(self.queries, emitted[0]) * energy,
            energy=ops.transpose(sums[1]),
        )
        if self.memory.location is None:
            return found
        location = outer_sum(self.states, emitted[1])
        return found._replace(location=location, filter_kernel=sums[2] * energy)
