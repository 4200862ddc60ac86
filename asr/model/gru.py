"""Bidirectional GRU layer over padded sequences; its loop is `kernels.gru`."""

from __future__ import annotations

import functools
from typing import Any

import keras
from keras import ops

from asr.arrays import Tensor
from asr.model.kernels.gru import gru_sequence


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

    def __init__(self, units: int, **kwargs: Any) -> None:
        super().__init__(autocast=False, **kwargs)
        self.units = units

    def build(self, inputs_shape: Any, *_: Any) -> None:
        """Create the weights of both directions."""
        units, wide = self.units, 3 * self.units
        add = functools.partial(self.add_weight, autocast=False)
        self.kernels, self.recurrent_kernels, self.biases = [], [], []
        for way in ("forward", "backward"):
            self.kernels.append(add((inputs_shape[-1], wide), name=f"{way}_kernel"))
            name = f"{way}_recurrent_kernel"
            self.recurrent_kernels.append(add((units, wide), "orthogonal", name=name))
            self.biases.append(add((2, wide), "zeros", name=f"{way}_bias"))

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
        return gru_sequence(projected, mask, recurrent, bias[1])
