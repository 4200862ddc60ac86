"""Derivative of Bahdanau's attention, for one hypothesis per utterance.

Definition: `bahdanau.BahdanauAttention.attend`. With q the projected query, a the sum
of earlier weights, k the dropout mask and C the location filters as a matrix:

    f       = a C                                location features of all frames
    h_s     = tanh(q + keys_s + f_s L)           `bahdanau.activations`
    w       = softmax(h v + bias)
    context = sum_s k_s w_s m_s
    a'      = a + w

Derivative, where d_ are gradients and those of context, w and a' are given:

    d_w_s   = d_w_s + d_a'_s + k_s (m_s . d_context)
    d_e_s   = w_s (d_w_s - sum_r w_r d_w_r)      energies, through the softmax
    slope_s = d_e_s (1 - h_s^2)                  v slope_s is the gradient before tanh
    d_q     = v sum_s slope_s
    d_f_s   = (v slope_s) L^T
    d_a     = d_a' + d_f C^T

h is by far the largest tensor, steps x frames x units: each step computes it again
instead of storing it. All steps share the factor v; it is applied after the loop.
"""

from __future__ import annotations

from typing import NamedTuple

from keras import ops

from asr.arrays import Tensor
from asr.model.attention import drop
from asr.model.bahdanau import BahdanauMemory, activations
from asr.model.ops import outer_sum, product


class AttentionSteps(NamedTuple):
    """Forward values of all steps."""

    query: Tensor  # q, (U, B, A)
    weights: Tensor  # w, (U, B, S)
    state: Tensor  # a, (U, B, S)
    dropout_mask: Tensor = None  # k, (U, B, S)


class StepGradients(NamedTuple):
    """Gradients that each step puts out, for one product over all steps."""

    query: Tensor  # of q but for the factor v, (B, A)
    features: Tensor = None  # of f, (B, S * filters)


class GradientSums(NamedTuple):
    """Gradients that are summed step by step: each is as large as the memory."""

    keys: Tensor  # of the keys but for the factor v, (B, S, A)
    energy: Tensor  # of v, (1, A)
    filter_kernel: Tensor = None  # of L but for the factor v, (filters, A)


class BahdanauBackward:
    """Derivative of one step, and of the memory after all steps.

    Attributes:
        steps: Forward values, the inputs of `step`.
        no_gradients: Zeros of the shapes that `step` puts out.
        no_sums: Sums before the first step.

    Args:
        memory: Result of `BahdanauAttention.prepare`.
        queries: All queries, (U, B, H).
        weights: All attention weights, (U, B, S).
        dropout_mask: Factors for the weights, (U, B, S), or None.
    """

    def __init__(
        self,
        memory: BahdanauMemory,
        queries: Tensor,
        weights: Tensor,
        dropout_mask: Tensor,
    ) -> None:
        self.memory, self.queries = memory, queries
        projected = product(queries, memory.query_kernel)
        states = ops.cumsum(weights, axis=0) - weights
        self.steps = AttentionSteps(projected, weights, states, dropout_mask)
        # Transposed kernels, with v multiplied in.
        self.query_back = memory.energy * ops.transpose(memory.query_kernel)
        self.no_gradients = StepGradients(ops.zeros_like(projected[0]))
        self.no_sums = GradientSums(
            ops.zeros_like(memory.keys), ops.transpose(ops.zeros_like(memory.energy))
        )
        if memory.location is not None:
            self.location_back = ops.transpose(memory.location)
            self.filter_back = memory.energy * ops.transpose(memory.filter_kernel)
            features = ops.zeros_like(ops.matmul(states[0], memory.location))
            self.no_gradients = self.no_gradients._replace(features=features)
            kernel = ops.zeros_like(memory.filter_kernel)
            self.no_sums = self.no_sums._replace(filter_kernel=kernel)

    def step(
        self,
        inputs: AttentionSteps,
        sums: GradientSums,
        d_context: Tensor,
        d_weights: Tensor,
        d_state: Tensor,
    ) -> tuple[Tensor, Tensor, StepGradients, GradientSums]:
        """Go back by one step.

        Args:
            inputs: Forward values of this step.
            sums: Sums over the steps after it.
            d_context: Gradient of the context, (B, D).
            d_weights: Gradient of the returned weights, (B, S).
            d_state: Gradient of the state after the step, (B, S).

        Returns:
            Gradients of the query (B, H) and of the state before the step (B, S), the
            gradients to put out, and the sums with this step.
        """
        memory, weights = self.memory, inputs.weights
        batch, frames = ops.shape(weights)
        hidden, features = activations(
            inputs.query[:, None], inputs.state[:, None], memory
        )
        # Through the weighted mean and the softmax.
        d_used = ops.matmul(memory.values, d_context[:, :, None])[:, :, 0]
        d_weights = d_weights + d_state + drop(d_used, inputs.dropout_mask)
        mean = ops.sum(weights * d_weights, axis=-1, keepdims=True)
        d_energy = ops.reshape(weights * (d_weights - mean), (-1, 1))  # (B * S, 1)
        # Through the tanh; a query is shared by all frames.
        slope = d_energy * (1.0 - hidden * hidden)  # (B * S, A)
        by_key = ops.reshape(slope, (batch, frames, memory.energy.shape[0]))
        by_query = ops.sum(by_key, axis=1)
        d_query = ops.matmul(by_query, self.query_back)
        by_energy = ops.matmul(ops.reshape(d_energy, (1, -1)), hidden)
        following = GradientSums(sums.keys + by_key, sums.energy + by_energy)
        if features is None:
            return d_query, d_state, StepGradients(by_query), following
        # Through the location features to the weights of earlier steps. Sizes in full:
        # one of several devices may have no clip of a batch.
        size = frames * memory.filter_kernel.shape[0]
        d_features = ops.reshape(ops.matmul(slope, self.filter_back), (batch, size))
        d_state = d_state + ops.matmul(d_features, self.location_back)
        by_kernel = ops.matmul(ops.transpose(features), slope)
        following = following._replace(filter_kernel=sums.filter_kernel + by_kernel)
        return d_query, d_state, StepGradients(by_query, d_features), following

    def finish(
        self, d_contexts: Tensor, gradients: StepGradients, sums: GradientSums
    ) -> BahdanauMemory:
        """Return the gradients of all tensors of the memory.

        Args:
            d_contexts: Gradients of the contexts, (U, B, D).
            gradients: Those of all steps, (U, B, n) each.
            sums: Sums over all steps.
        """
        memory, energy = self.memory, ops.transpose(self.memory.energy)
        used = drop(self.steps.weights, self.steps.dropout_mask)
        used = ops.transpose(used, (1, 2, 0))  # (B, S, U)
        d_memory = BahdanauMemory(
            keys=sums.keys * energy,
            values=ops.matmul(used, ops.transpose(d_contexts, (1, 0, 2))),
            bias=ops.zeros_like(memory.bias),
            query_kernel=outer_sum(self.queries, gradients.query) * energy,
            energy=ops.transpose(sums.energy),
        )
        if memory.location is None:
            return d_memory
        return d_memory._replace(
            location=outer_sum(self.steps.state, gradients.features),
            filter_kernel=sums.filter_kernel * energy,
        )
