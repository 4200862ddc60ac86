"""One step of the decoder: its cell, then attention; and the loop over tokens."""

from __future__ import annotations

from typing import Any, NamedTuple

from keras import ops

from asr.arrays import Tensor
from asr.model.attention import Attention, Memory
from asr.model.gru_cell import gru_step
from asr.model.lstm_cell import lstm_step
from asr.model.ops import branch, product, scan


class DecoderState(NamedTuple):
    """State between two steps, for K hypotheses of each utterance."""

    hidden: Tensor  # state of the cell, (B, K, H); of an LSTM (B, K, 2H)
    context: Tensor  # last context, (B, K, D)
    attention: Tensor  # for Bahdanau's the sum of the weights so far, (B, K, S)


class Cell(NamedTuple):
    """Weights of the decoder's GRU; an LSTM has 4H in the place of 3H."""

    context_kernel: Tensor  # projection of the context, (D, 3H)
    recurrent_kernel: Tensor  # projection of the state, (H, 3H)
    bias: Tensor  # bias of the recurrent projection, (3H,)

    @property
    def units(self) -> int:
        """Size of the output, H."""
        return int(self.recurrent_kernel.shape[0])

    @property
    def state_units(self) -> int:
        """Size of the state: H, or 2H of an LSTM."""
        return 2 * self.units if self._is_lstm else self.units

    @property
    def _is_lstm(self) -> bool:
        return bool(self.recurrent_kernel.shape[1] == 4 * self.units)

    def step(self, inputs: Tensor, state: Tensor) -> Any:
        """Advance by one step; see `gru_step` and `lstm_step`."""
        step = lstm_step if self._is_lstm else gru_step
        return step(inputs, state, self.recurrent_kernel, self.bias)

    def output(self, state: Tensor) -> Any:
        """Return the output (..., H) that a state holds."""
        return state[..., : self.units] if self._is_lstm else state


class DecoderInputs(NamedTuple):
    """All tensors that the loop over tokens reads."""

    cell: Cell
    projected: Tensor  # projected embeddings, (U, B, 3H)
    memory: Memory  # result of `Attention.prepare`
    dropout_mask: Tensor = None  # result of `Attention.noise`, (U, B, S), or None
    start: Tensor = None  # state of the cell before the first token, (B, n), or zeros


class DecoderOutputs(NamedTuple):
    """Results of all steps."""

    hidden: Tensor  # outputs of the cell, (U, B, H)
    context: Tensor  # contexts, (U, B, D)
    weights: Tensor  # attention weights, (U, B, S)


def advance(
    attention: Attention, inputs: DecoderInputs, state: DecoderState
) -> tuple[DecoderState, Any]:
    """Advance by one token: the cell makes the query, attention the context.

    Args:
        attention: Kind of attention.
        inputs: Those of one step of K hypotheses, (B, K, n) in the place of (U, B, n).
        state: State before the step.

    Returns:
        The state after the step, and attention weights, (B, K, S).
    """
    cell, projected, memory, dropout_mask, _ = inputs
    projected = projected + product(state.context, cell.context_kernel)
    hidden = cell.step(projected, state.hidden)
    context, weights, following = attention.attend(
        cell.output(hidden), memory, state.attention, dropout_mask
    )
    return DecoderState(branch(hidden), context, following), weights


def read_tokens(attention: Attention, inputs: DecoderInputs) -> DecoderOutputs:
    """Advance over known tokens (teacher forcing), one sequence per utterance."""
    cell, projected, memory, dropout_mask, hidden = inputs
    batch = ops.shape(memory.values)[0]
    if hidden is None:
        hidden = ops.zeros((batch, cell.state_units))
    start = DecoderState(
        hidden=ops.expand_dims(hidden, 1),
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
        cell.output(states.hidden[:, :, 0]), states.context[:, :, 0], weights[:, :, 0]
    )
