"""Layer normalisation whose gradient is equal from run to run."""

from __future__ import annotations

import keras
from keras import ops

from asr.tensors import Tensor


class LayerNormalization(keras.layers.LayerNormalization):
    """Keras's, written so that no value is used three times; see `loops.branch`."""

    def call(self, inputs: Tensor) -> Tensor:
        """Normalise the last axis, (..., n)."""
        centred = inputs - ops.mean(inputs, axis=-1, keepdims=True)
        variance = ops.mean(ops.square(centred), axis=-1, keepdims=True)
        scale = self.gamma * ops.rsqrt(variance + self.epsilon)
        return centred * scale + self.beta
