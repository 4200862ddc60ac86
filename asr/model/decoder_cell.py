"""One step of the decoder: attention, then a GRU cell."""

from __future__ import annotations

from typing import Any, NamedTuple

from keras import ops

from asr.arrays import Tensor
from asr.model.attention import Attention, Memory
from asr.model.gru_cell import gru_step
from asr.model.ops import branch, product


class DecoderState(NamedTuple):
    """What one step hands to the next, for K hypotheses of each utterance.

    Attributes:
        hidden: State of the GRU, (B, K, H).
        context: What attention returned last, (B, K, D).
        attention: State of the attention; for Bahdanau's the sum of the weights so
            far, (B, K, S).
    """

    hidden: Tensor
    context: Tensor
    attention: Tensor


class Cell(NamedTuple):
    """Weights of the decoder's GRU.

    Attributes:
        context_kernel: Projection of the context, (D, 3H).
        recurrent_kernel: Projection of the state, (H, 3H).
        bias: Bias of the recurrent projection, (3H,).
    """

    context_kernel: Tensor
    recurrent_kernel: Tensor
    bias: Tensor


def initial_state(
    cell: Cell,
    attention: Attention,
    memory: Memory,
    beam: int,
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
    keep: Tensor = None,
) -> tuple[DecoderState, Any]:
    """Read one token: GRU, then attention.

    Args:
        cell: Weights of the GRU.
        attention: How it looks at the memory.
        projected: Projected embedding of the token, (B, K, 3H).
        state: State before it.
        memory: What `attention.prepare` returned.
        keep: Factors for attention weights (dropout), (B, K, S), or None.

    Returns:
        The state after it, and attention weights, (B, K, S).
    """
    inputs = projected + product(state.context, cell.context_kernel)
    hidden = gru_step(inputs, state.hidden, cell.recurrent_kernel, cell.bias)
    context, weights, attended = attention.attend(hidden, memory, state.attention, keep)
    return DecoderState(branch(hidden), context, attended), weights
