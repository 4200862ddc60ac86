"""Features -> memory: strided convolutions, then GRUs or self-attention."""

from __future__ import annotations

from typing import Any, NamedTuple

import keras
from keras import ops

from asr.arrays import Tensor
from asr.config.schema import EncoderConfig
from asr.model.gru import BidirectionalGRU
from asr.model.ops import LayerNormalization, sequence_mask
from asr.model.transformer import Transformer


def state_lengths(lengths: Tensor, reduction: int) -> Tensor:
    """Return the number of encoder states of so many frames: ceil(T / reduction)."""
    return (lengths + reduction - 1) // reduction


class Encoded(NamedTuple):
    """What the encoder knows of a batch; all is zero in the padding.

    Attributes:
        states: Output of the last GRU, which the CTC head reads, (B, R, 2H).
        state_lengths: Real states of each, (B,) int32; R = ceil(T / reduction).
        memory: What the decoder looks at, (B, S, D).
        memory_lengths: Real memory frames of each, (B,) int32; S = ceil(R / stride).
    """

    states: Tensor
    state_lengths: Tensor
    memory: Tensor
    memory_lengths: Tensor


class Encoder(keras.layers.Layer):
    """Reads a sequence of features into states, by default a quarter as many.

    CTC needs these states, 40 ms apart, since each can carry one character; attention
    does well with a coarser memory, in which `memory_stride` states are joined, and
    its cost falls with the memory's length.

    The convolutions are padded by hand, and what they compute beyond the end of an
    utterance is zeroed, so that neither padding nor neighbours in the batch matter.

    Args:
        config: Sizes and dropout.
        seed: Seed of the dropout.

    Call arguments:
        features: (B, T, F) float32, zero in the padding.
        lengths: Real frames of each, (B,) int32.
        training: Whether dropout is active.

    Returns:
        An `Encoded`.

    Reference:
        W. Chan et al., Listen, Attend and Spell, ICASSP 2016, section 2.1, with
        strided convolutions in the place of its pyramid.
    """

    def __init__(self, config: EncoderConfig, seed: int = 0, **kwargs: Any) -> None:
        super().__init__(autocast=False, **kwargs)
        self.config = config
        policy = self.dtype_policy
        self.convolutions = [
            keras.layers.Conv1D(
                config.filters,
                config.kernel,
                strides=config.stride,
                padding="valid",
                activation="relu",
                kernel_initializer="he_normal",
                dtype=policy,
                name=f"convolution_{i}",
            )
            for i in range(config.convolutions)
        ]
        self.layers = self._readers(seed)
        self.norms = [
            LayerNormalization(dtype="float32", name=f"norm_{i}")
            for i in range(len(self.layers) + 1)
        ]
        self.dropouts = [
            keras.layers.Dropout(config.dropout, seed=seed + i, dtype="float32")
            for i in range(len(self.layers) + 1)
        ]
        self.output_layer = keras.layers.Dense(
            config.memory_units, dtype=policy, name="memory"
        )

    def _readers(self, seed: int) -> list[keras.layers.Layer]:
        """Return what reads the frames in their order, time first."""
        config, policy = self.config, self.dtype_policy
        if config.kind == "self":
            return [Transformer(config, seed, dtype=policy, name="transformer")]
        return [
            BidirectionalGRU(config.units, dtype=policy, name=f"gru_{i}")
            for i in range(config.layers)
        ]

    @property
    def frames_per_memory(self) -> int:
        """Input frames that one memory frame stands for."""
        return self.config.reduction * self.config.memory_stride

    def build(self, features_shape: Any, *_: Any) -> None:
        """Create the weights of all layers."""
        config, channels = self.config, features_shape[-1]
        for convolution in self.convolutions:
            convolution.build((None, None, channels))
            channels = config.filters
        self.norms[0].build((None, None, channels))
        for layer, norm in zip(self.layers, self.norms[1:], strict=True):
            layer.build((None, None, channels))
            channels = 2 * config.units
            norm.build((None, None, channels))
        self.output_layer.build((None, None, channels * config.memory_stride))

    def compute_output_spec(self, features: Any, lengths: Any, **_: Any) -> Encoded:
        """Return symbolic outputs without tracing the loops."""
        batch, config = features.shape[0], self.config
        # A tensor of its own for each: one for both would name one output twice.
        counts, joined = (keras.KerasTensor(lengths.shape, "int32") for _ in range(2))
        states = keras.KerasTensor((batch, None, 2 * config.units))
        memory = keras.KerasTensor((batch, None, config.memory_units))
        return Encoded(states, counts, memory, joined)

    def call(
        self, features: Tensor, lengths: Tensor, training: bool = False
    ) -> Encoded:
        """See the class."""
        outputs, stride = features, self.config.stride
        real = sequence_mask(lengths, ops.shape(features)[1])
        left = (self.config.kernel - 1) // 2
        right = self.config.kernel - 1 - left
        for convolution in self.convolutions:
            outputs = ops.pad(outputs, ((0, 0), (left, right), (0, 0)))
            outputs = ops.cast(convolution(outputs), "float32")
            lengths = state_lengths(lengths, stride)
            real = sequence_mask(lengths, ops.shape(outputs)[1])
            outputs = ops.where(real[..., None], outputs, 0.0)
        outputs = ops.transpose(outputs, (1, 0, 2))  # (S, B, filters)
        mask = ops.cast(ops.transpose(real), "float32")[..., None]  # (S, B, 1)
        outputs = self.dropouts[0](self.norms[0](outputs), training=training)
        for layer, norm, dropout in zip(
            self.layers, self.norms[1:], self.dropouts[1:], strict=True
        ):
            outputs = layer(outputs, mask, training=training)
            outputs = dropout(norm(outputs), training=training)
        states = ops.transpose(outputs * mask, (1, 0, 2))  # (B, R, 2H)
        return Encoded(states, lengths, *self._memory(states, lengths))

    def _memory(self, states: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        stride = self.config.memory_stride
        batch, size, units = ops.shape(states)
        joined = (size + stride - 1) // stride
        states = ops.pad(states, ((0, 0), (0, joined * stride - size), (0, 0)))
        states = ops.reshape(states, (batch, joined, stride * units))
        lengths = (lengths + stride - 1) // stride
        memory = ops.cast(self.output_layer(states), "float32")
        return ops.where(
            sequence_mask(lengths, joined)[..., None], memory, 0.0
        ), lengths
