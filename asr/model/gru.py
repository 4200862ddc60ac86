"""GRU over padded sequences, with its backward pass written out.

Three things make it faster than a loop left to automatic differentiation: the loop
holds only what depends on the previous step, the gates of all steps are worked out at
once on the way back instead of being stored one by one, and the gradient of the
recurrent kernel is one product over all steps instead of a running sum.
"""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from asr.arrays import Tensor
from asr.model.kernels.gru import gru_sequence


class BidirectionalGRU(keras.layers.Layer):
    """Two GRUs, one from each end; equals the run over each unpadded sequence.

    Large products use the layer's compute type, so that mixed precision speeds them up;
    the recurrence and its weights stay in float32.

    Args:
        units: Units of each direction.

    Call arguments:
        inputs: (T, B, channels), time first.
        mask: 1 at real steps and 0 in the padding, (T, B, 1) float32.

    Returns:
        States of both directions, (T, B, 2 * units) float32.

    Reference:
        M. Schuster and K. Paliwal, Bidirectional recurrent neural networks, 1997.
    """

    def __init__(self, units: int, **kwargs: Any) -> None:
        super().__init__(autocast=False, **kwargs)
        self.units = units

    def build(self, inputs_shape: Any, *_: Any) -> None:
        """Create the weights of both directions."""
        wide = 3 * self.units
        self.kernels, self.recurrent_kernels, self.biases = [], [], []
        for way in ("forward", "backward"):
            self.kernels.append(
                self.add_weight(shape=(inputs_shape[-1], wide), name=f"{way}_kernel")
            )
            self.recurrent_kernels.append(
                self.add_weight(
                    shape=(self.units, wide),
                    initializer="orthogonal",
                    autocast=False,
                    name=f"{way}_recurrent_kernel",
                )
            )
            self.biases.append(
                self.add_weight(
                    shape=(2, wide),
                    initializer="zeros",
                    autocast=False,
                    name=f"{way}_bias",
                )
            )

    def call(self, inputs: Tensor, mask: Tensor) -> Tensor:
        """See the class."""
        inputs = ops.cast(inputs, self.compute_dtype)
        ahead = self._direction(0, inputs, mask)
        behind = self._direction(1, ops.flip(inputs, 0), ops.flip(mask, 0))
        return ops.concatenate([ahead, ops.flip(behind, 0)], axis=-1)

    def _direction(self, way: int, inputs: Tensor, mask: Tensor) -> Tensor:
        # Slices, since a custom gradient must not see TensorFlow's variables.
        bias, recurrent = self.biases[way][:], self.recurrent_kernels[way][:]
        kernel = ops.cast(self.kernels[way], self.compute_dtype)
        projected = ops.cast(ops.matmul(inputs, kernel), "float32") + bias[0]
        return gru_sequence(projected, mask, recurrent, bias[1])
