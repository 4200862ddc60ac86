"""One step of a gated recurrent unit."""

from __future__ import annotations

from keras import ops

from asr.arrays import Tensor
from asr.model.ops import product


def gates(inputs: Tensor, recurrent: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return update gate, reset gate and candidate, each (..., H)."""
    units = inputs.shape[-1] // 3
    both = ops.sigmoid(inputs[..., : 2 * units] + recurrent[..., : 2 * units])
    update, reset = both[..., :units], both[..., units:]
    candidate = ops.tanh(inputs[..., 2 * units :] + reset * recurrent[..., 2 * units :])
    return update, reset, candidate


def gru_step(inputs: Tensor, hidden: Tensor, kernel: Tensor, bias: Tensor) -> Tensor:
    """Advance a GRU by one step.

    Args:
        inputs: Projected input of the update gate, reset gate and candidate, (..., 3H).
        hidden: Previous state, (..., H).
        kernel: Recurrent kernel, (H, 3H).
        bias: Bias of the recurrent projection, (3H,).

    Returns:
        The new state, (..., H).

    Reference:
        K. Cho et al., EMNLP 2014, section 2.3; the reset gate acts after the
        recurrent product, as in cuDNN and `keras.layers.GRU(reset_after=True)`.
    """
    update, _, candidate = gates(inputs, product(hidden, kernel) + bias)
    return update * hidden + (1.0 - update) * candidate
