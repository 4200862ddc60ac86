"""One step of the decoder, a GRU step and then attention, and the loop over tokens."""

from __future__ import annotations

from typing import Any, NamedTuple

from keras import ops

from asr.arrays import Tensor
from asr.model.attention import Attention, Memory
from asr.model.gru_cell import gru_step
from asr.model.ops import branch, product, scan


class DecoderState(NamedTuple):
    """State between two steps, for K hypotheses of each utterance."""

    hidden: Tensor  # state of the GRU, (B, K, H)
    context: Tensor  # last context, (B, K, D)
    attention: Tensor  # for Bahdanau's the sum of the weights so far, (B, K, S)


class Cell(NamedTuple):
    """Weights of the decoder's GRU."""

    context_kernel: Tensor  # projection of the context, (D, 3H)
    recurrent_kernel: Tensor  # projection of the state, (H, 3H)
    bias: Tensor  # bias of the recurrent projection, (3H,)


class DecoderInputs(NamedTuple):
    """All tensors that the loop over tokens reads."""

    cell: Cell
    projected: Tensor  # projected embeddings, (U, B, 3H)
    memory: Memory  # result of `Attention.prepare`
    dropout_mask: Tensor = None  # result of `Attention.noise`, (U, B, S), or None


class DecoderOutputs(NamedTuple):
    """Results of all steps."""

    hidden: Tensor  # states of the GRU, (U, B, H)
    context: Tensor  # contexts, (U, B, D)
    weights: Tensor  # attention weights, (U, B, S)


def advance(
    attention: Attention, inputs: DecoderInputs, state: DecoderState
) -> tuple[DecoderState, Any]:
    """Advance by one token: the GRU makes the query, attention the context.

    Args:
        attention: Kind of attention.
        inputs: Those of one step of K hypotheses, (B, K, n) in the place of (U, B, n).
        state: State before the step.

    Returns:
        The state after the step, and attention weights, (B, K, S).
    """
    cell, projected, memory, dropout_mask = inputs
    projected = projected + product(state.context, cell.context_kernel)
    hidden = gru_step(projected, state.hidden, cell.recurrent_kernel, cell.bias)
    context, weights, following = attention.attend(
        hidden, memory, state.attention, dropout_mask
    )
    return DecoderState(branch(hidden), context, following), weights


def read_tokens(attention: Attention, inputs: DecoderInputs) -> DecoderOutputs:
    """Advance over known tokens (teacher forcing), one sequence per utterance."""
    cell, projected, memory, dropout_mask = inputs
    batch = ops.shape(memory.values)[0]
    start = DecoderState(
        hidden=ops.zeros((batch, 1, cell.recurrent_kernel.shape[0])),
        context=ops.zeros((batch, 1, cell.context_kernel.shape[0])),
        attention=attention.initial_state(memory, 1),
    )
    weights = ops.zeros_like(memory.values[:, None, :, 0])  # (B, 1, S)
    one = None if dropout_mask is None else dropout_mask[:, :, None]

    def step(carry: Any, token: Any) -> tuple[Any, Any]:
        projected, mask = token
        now = inputs._replace(projected=projected, dropout_mask=mask)
        following = advance(attention, now, carry[0])
        return following, following  # `scan` needs outputs like the carry

    _, (states, weights) = scan(step, (start, weights), (projected[:, :, None], one))
    return DecoderOutputs(
        states.hidden[:, :, 0], states.context[:, :, 0], weights[:, :, 0]
    )
