"""One step of a gated recurrent unit (GRU), shared by the encoder and the decoder."""

from __future__ import annotations

from keras import ops

from asr.arrays import Tensor
from asr.model.ops import product


def gates(inputs: Tensor, recurrent: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Compute the update gate, the reset gate and the candidate.

    Args:
        inputs: Projected input of all three, in this order, (..., 3H).
        recurrent: Projected state of all three, with its bias, (..., 3H).

    Returns:
        Update gate, reset gate and candidate, (..., H) each.
    """
    units = inputs.shape[-1] // 3
    both = ops.sigmoid(inputs[..., : 2 * units] + recurrent[..., : 2 * units])
    update, reset = both[..., :units], both[..., units:]
    candidate = ops.tanh(inputs[..., 2 * units :] + reset * recurrent[..., 2 * units :])
    return update, reset, candidate


def gru_step(inputs: Tensor, hidden: Tensor, kernel: Tensor, bias: Tensor) -> Tensor:
    """Advance a GRU by one step: the update gate mixes the old state and a candidate.

    Args:
        inputs: Projected input, see `gates`, (..., 3H).
        hidden: Previous state, (..., H).
        kernel: Recurrent kernel, (H, 3H).
        bias: Bias of the recurrent projection, (3H,).

    Returns:
        The new state, (..., H).

    Reference:
        K. Cho et al., EMNLP 2014, section 2.3. The reset gate acts after the recurrent
        product, as in cuDNN and in `keras.layers.GRU(reset_after=True)`.
    """
    update, _, candidate = gates(inputs, product(hidden, kernel) + bias)
    return update * hidden + (1.0 - update) * candidate
