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


class DecoderOutputs(NamedTuple):
    """Results of all steps."""

    hidden: Tensor  # states of the GRU, (U, B, H)
    context: Tensor  # contexts, (U, B, D)
    weights: Tensor  # attention weights, (U, B, S)


def initial_state(
    cell: Cell, attention: Attention, memory: Memory, beam: int
) -> DecoderState:
    """Return the state before the first step for K hypotheses."""
    batch = ops.shape(memory.values)[0]
    return DecoderState(
        hidden=ops.zeros((batch, beam, cell.recurrent_kernel.shape[0])),
        context=ops.zeros((batch, beam, cell.context_kernel.shape[0])),
        attention=attention.initial_state(memory, beam),
    )


def advance(
    cell: Cell,
    attention: Attention,
    projected: Tensor,
    state: DecoderState,
    memory: Memory,
    dropout_mask: Tensor = None,
) -> tuple[DecoderState, Any]:
    """Advance by one token: the GRU makes the query, attention the context.

    Args:
        cell: Weights of the GRU.
        attention: Kind of attention.
        projected: Projected embedding of the token, (B, K, 3H).
        state: State before the step.
        memory: Result of `attention.prepare`.
        dropout_mask: Factors for attention weights, (B, K, S), or None.

    Returns:
        The state after the step, and attention weights, (B, K, S).
    """
    inputs = projected + product(state.context, cell.context_kernel)
    hidden = gru_step(inputs, state.hidden, cell.recurrent_kernel, cell.bias)
    context, weights, following = attention.attend(
        hidden, memory, state.attention, dropout_mask
    )
    return DecoderState(branch(hidden), context, following), weights


def read_tokens(
    cell: Cell,
    attention: Attention,
    projected: Tensor,
    memory: Memory,
    dropout_mask: Tensor = None,
) -> DecoderOutputs:
    """Advance over known tokens (teacher forcing), one sequence per utterance.

    Args:
        cell: Weights of the GRU.
        attention: Kind of attention.
        projected: Projected embeddings, (U, B, 3H).
        memory: Result of `attention.prepare`.
        dropout_mask: Factors for attention weights, (U, B, S), or None.
    """
    one = None if dropout_mask is None else dropout_mask[:, :, None]

    def step(carry: Any, inputs: Any) -> tuple[Any, Any]:
        token, mask = inputs
        following = advance(cell, attention, token, carry[0], memory, mask)
        return following, following  # `scan` needs outputs like the carry

    weights = ops.zeros_like(memory.values[:, None, :, 0])  # (B, 1, S)
    start = initial_state(cell, attention, memory, 1), weights
    _, (states, weights) = scan(step, start, (projected[:, :, None], one))
    return DecoderOutputs(
        states.hidden[:, :, 0], states.context[:, :, 0], weights[:, :, 0]
    )
