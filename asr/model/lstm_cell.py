"""One step of a long short-term memory (LSTM), for the encoder and the decoder."""

from __future__ import annotations

from typing import Any

from keras import ops

from asr.arrays import Tensor
from asr.model.ops import product


def lstm_step(inputs: Tensor, state: Tensor, kernel: Tensor, bias: Tensor) -> Tensor:
    """Advance an LSTM by one step.

    Args:
        inputs: Projected input of the input gate, the forget gate, the candidate and
            the output gate, in this order, (..., 4H).
        state: Output of the step before, and its memory cell, joined, (..., 2H).
        kernel: Recurrent kernel, (H, 4H).
        bias: Bias of the recurrent projection, (4H,).

    Returns:
        The new state, (..., 2H).

    Reference:
        S. Hochreiter and J. Schmidhuber, Neural Computation 1997, with the forget gate
        of F. Gers et al., 2000. The gates are in the order of `keras.layers.LSTM`.
    """
    units = kernel.shape[0]
    summed = inputs + product(state[..., :units], kernel) + bias
    parts = [summed[..., i * units : (i + 1) * units] for i in range(4)]
    entry, kept, shown = (ops.sigmoid(parts[i]) for i in (0, 1, 3))
    cell = kept * state[..., units:] + entry * ops.tanh(parts[2])
    return ops.concatenate([shown * ops.tanh(cell), cell], axis=-1)


def lstm_bias(shape: tuple[int, ...], dtype: Any = None) -> Tensor:
    """Return initial biases (2, 4H): 1 for the forget gate, so that it keeps much.

    Reference:
        R. Jozefowicz et al., ICML 2015, section 3.2.
    """
    units = shape[-1] // 4
    gates = ops.repeat(ops.array([0.0, 1.0, 0.0, 0.0], dtype), units)
    return ops.stack([gates, ops.zeros_like(gates)])
