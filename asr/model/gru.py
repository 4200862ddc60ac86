"""Bidirectional recurrent layers over padded sequences; see also `kernels.gru`."""

from __future__ import annotations

import functools
from typing import Any

import keras
from keras import ops

from asr.arrays import Tensor
from asr.model.kernels.gru import gru_sequence
from asr.model.lstm_cell import lstm_bias, lstm_step
from asr.model.ops import scan


class BidirectionalGRU(keras.layers.Layer):
    """Two GRUs, one from each end; padding does not change their states.

    The input projection uses the compute type of the layer, which mixed precision
    speeds up. The recurrence and its weights stay in float32.

    Args:
        units: Units of each direction, H.

    Call arguments:
        inputs: (T, B, channels), time first.
        mask: 1 at real steps and 0 in the padding, (T, B, 1) float32.

    Returns:
        States of both directions, (T, B, 2H) float32.

    Reference:
        M. Schuster and K. Paliwal, Bidirectional recurrent neural networks, 1997.
    """

    gates = 3
    initial_bias: Any = "zeros"

    def __init__(self, units: int, **kwargs: Any) -> None:
        super().__init__(autocast=False, **kwargs)
        self.units = units

    def build(self, inputs_shape: Any, *_: Any) -> None:
        """Create the weights of both directions."""
        units, wide = self.units, self.gates * self.units
        add = functools.partial(self.add_weight, autocast=False)
        self.kernels, self.recurrent_kernels, self.biases = [], [], []
        for way in ("forward", "backward"):
            self.kernels.append(add((inputs_shape[-1], wide), name=f"{way}_kernel"))
            name = f"{way}_recurrent_kernel"
            self.recurrent_kernels.append(add((units, wide), "orthogonal", name=name))
            name = f"{way}_bias"
            self.biases.append(add((2, wide), self.initial_bias, name=name))

    def call(self, inputs: Tensor, mask: Tensor) -> Tensor:
        """See the class."""
        inputs = ops.cast(inputs, self.compute_dtype)
        forward = self._direction(0, inputs, mask)
        # Reversed, the padding comes first: masked steps keep the initial state.
        backward = self._direction(1, ops.flip(inputs, 0), ops.flip(mask, 0))
        return ops.concatenate([forward, ops.flip(backward, 0)], axis=-1)

    def _direction(self, way: int, inputs: Tensor, mask: Tensor) -> Tensor:
        # Slices: a custom gradient must not capture TensorFlow variables.
        bias, recurrent = self.biases[way][:], self.recurrent_kernels[way][:]
        kernel = ops.cast(self.kernels[way], self.compute_dtype)
        projected = ops.cast(ops.matmul(inputs, kernel), "float32") + bias[0]
        return self.run(projected, mask, recurrent, bias[1])

    def run(self, inputs: Tensor, mask: Tensor, kernel: Tensor, bias: Tensor) -> Any:
        """Return the states of one direction; see `kernels.gru.gru_sequence`."""
        return gru_sequence(inputs, mask, kernel, bias)


class BidirectionalLSTM(BidirectionalGRU):
    """The same with LSTMs.

    Args, call arguments and returns: see `BidirectionalGRU`.

    Reference:
        A. Graves and J. Schmidhuber, Neural Networks 2005.
    """

    gates = 4
    initial_bias = staticmethod(lstm_bias)

    def run(self, inputs: Tensor, mask: Tensor, kernel: Tensor, bias: Tensor) -> Any:
        """Return the outputs of one direction, (T, B, H)."""

        def step(state: Tensor, current: Any) -> tuple[Any, Any]:
            projected, real = current
            following = lstm_step(projected, state, kernel, bias)
            following = real * following + (1.0 - real) * state
            return following, following

        start = ops.zeros((ops.shape(inputs)[1], 2 * self.units))
        _, states = scan(step, start, (inputs, mask))
        return states[..., : self.units]
