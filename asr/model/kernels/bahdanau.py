"""Additive attention with location features, and its derivative written out."""

from __future__ import annotations

from typing import Any

from keras import ops

from asr.arrays import Tensor
from asr.model.attention import BahdanauMemory, energies
from asr.model.ops import outer_sum, product


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
        looked, found = energies(query[:, None], state[:, None], self.memory)
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
