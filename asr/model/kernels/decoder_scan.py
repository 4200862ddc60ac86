"""The decoder's loop over known tokens, with its derivative written out.

Definition: `decoder_cell.read_tokens`, which advances by one token after the other:

    h' = GRU(h, projected + context C)       C the kernel of the context
    context', w = attention(h', a),  a' = a + w

Derivative, step by step from the last, where d_ are gradients and those of h', context'
and a' come from the step after and from outside:

    d_query, d_a = derivative of the attention           `kernels.bahdanau`
    d_h'         = d_h' + d_query
    d_x, d_r     = d_h' times the slopes of the gates    `kernels.gru`
    d_h          = d_h' z + d_r R^T
    d_context    = d_x C^T

The slopes of all steps are computed at once before the loop, and the gradients of the
kernels are one product each after it.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from keras import ops

from asr.arrays import Tensor
from asr.model.attention import Attention
from asr.model.bahdanau import BahdanauAttention
from asr.model.decoder_cell import (
    Cell,
    DecoderInputs,
    DecoderOutputs,
    DecoderState,
    read_tokens,
)
from asr.model.kernels.bahdanau import BahdanauBackward, GradientSums, StepGradients
from asr.model.kernels.gru import gru_gradients, gru_slopes
from asr.model.ops import delayed, fill, outer_sum, present, product, scan


class BackwardStep(NamedTuple):
    """Carry and output of the backward loop; `scan` needs equal shapes in both."""

    state: DecoderState  # gradients; carry: before the step, output: after it
    gradients: StepGradients  # output: of this step; carry: zeros
    sums: GradientSums  # carry: over the steps so far; output: zeros


def scan_tokens(attention: Attention, inputs: DecoderInputs) -> DecoderOutputs:
    """Compute `read_tokens`, with a faster derivative for a GRU with Bahdanau's.

    LSTMs and other kinds of attention are left to automatic differentiation.
    """
    is_gru = inputs.cell.state_units == inputs.cell.units
    if not (is_gru and isinstance(attention, BahdanauAttention)):
        return read_tokens(attention, inputs)

    @ops.custom_gradient
    def run(*tensors: Tensor) -> tuple[Any, Any]:
        given: DecoderInputs = fill(inputs, tensors)
        outputs = read_tokens(attention, given)

        def gradient(*upstream: Any) -> tuple[Any, ...]:
            # TensorFlow passes three tensors, JAX the three as one tuple.
            three = upstream if len(upstream) > 1 else upstream[0]
            return tuple(present(_backward(given, outputs, DecoderOutputs(*three))))

        return tuple(outputs), gradient

    return DecoderOutputs(*run(*present(inputs)))


def _backward(
    inputs: DecoderInputs, outputs: DecoderOutputs, upstream: DecoderOutputs
) -> DecoderInputs:
    """Return the gradients of all inputs."""
    cell, projected, memory, dropout_mask, first = inputs
    # Derivatives of the GRU at all steps, from the stored states and contexts.
    hidden, contexts = delayed(outputs.hidden, first), delayed(outputs.context)
    projected = projected + product(contexts, cell.context_kernel)
    recurrent = product(hidden, cell.recurrent_kernel) + cell.bias
    slopes = gru_slopes(projected, recurrent, hidden)
    attention = BahdanauBackward(memory, outputs.hidden, outputs.weights, dropout_mask)
    to_state = ops.transpose(cell.recurrent_kernel)  # (3H, H)
    to_context = ops.transpose(cell.context_kernel)  # (3H, D)

    def step(carry: BackwardStep, inputs: Any) -> tuple[BackwardStep, BackwardStep]:
        given, slopes, forward = inputs
        # Attention is last in a step, so its derivative is first.
        d_context = given.context + carry.state.context
        d_query, d_attention, gradients, sums = attention.step(
            forward, carry.sums, d_context, given.weights, carry.state.attention
        )
        # The new state is an output, the next step's state, and the query.
        d_hidden = given.hidden + carry.state.hidden + d_query
        d_inputs, d_recurrent = gru_gradients(d_hidden, slopes.gates)
        before = DecoderState(
            d_hidden * slopes.previous + ops.matmul(d_recurrent, to_state),
            ops.matmul(d_inputs, to_context),
            d_attention,
        )
        after = DecoderState(d_hidden, d_context, d_attention)
        return (
            BackwardStep(before, attention.no_gradients, sums),
            BackwardStep(after, gradients, attention.no_sums),
        )

    zeros = DecoderState(*(ops.zeros_like(output[0]) for output in outputs))
    start = BackwardStep(zeros, attention.no_gradients, attention.no_sums)
    by_step = upstream, slopes, attention.steps
    last, steps = scan(step, start, by_step, reverse=True)
    # Sums over all steps as one product each.
    d_inputs, d_recurrent = gru_gradients(steps.state.hidden, slopes.gates)
    d_cell = Cell(
        outer_sum(contexts, d_inputs),
        outer_sum(hidden, d_recurrent),
        ops.sum(d_recurrent, axis=(0, 1)),
    )
    d_memory = attention.finish(steps.state.context, steps.gradients, last.sums)
    # Random numbers need no gradient.
    d_mask = None if dropout_mask is None else ops.zeros_like(dropout_mask)
    d_first = None if first is None else last.state.hidden
    return DecoderInputs(d_cell, d_inputs, d_memory, d_mask, d_first)
