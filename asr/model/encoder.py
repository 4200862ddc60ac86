"""Encoder: features -> states for CTC -> memory for the attention."""

from __future__ import annotations

from typing import Any, NamedTuple

import keras
from keras import ops

from asr.arrays import Tensor
from asr.config.schema import EncoderConfig
from asr.model.batch_share import Dropout
from asr.model.gru import BidirectionalGRU, BidirectionalLSTM
from asr.model.ops import LayerNormalization, sequence_mask
from asr.model.transformer import Transformer


def state_lengths(lengths: Tensor, reduction: int) -> Tensor:
    """Return ceil(lengths / reduction), the number of states for so many frames."""
    return (lengths + reduction - 1) // reduction


class Encoded(NamedTuple):
    """Encoder outputs of a batch, zero in the padding."""

    states: Tensor  # output of the last layer, for the CTC heads, (B, R, 2H)
    state_lengths: Tensor  # real states, (B,) int32; R = ceil(T / reduction)
    memory: Tensor  # for the attention, (B, S, D)
    memory_lengths: Tensor  # real frames, (B,) int32; S = ceil(R / memory_stride)


class Encoder(keras.layers.Layer):
    """Strided convolutions, then bidirectional GRUs or LSTMs, or self-attention.

    The states are 40 ms apart by default, since CTC puts at most one character on each.
    Attention works as well with a coarser memory and costs less: `memory_stride` states
    are joined into one memory frame.

    The output beyond the end of an utterance is zeroed after each convolution. So
    neither padding nor neighbours in the batch change an utterance.

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
                filters,
                config.kernel,
                config.stride,
                activation="relu",
                kernel_initializer="he_normal",
                dtype=policy,
                name=f"convolution_{i}",
            )
            for i, filters in enumerate(config.channels)
        ]
        # The layers after the convolutions take time first.
        if config.kind == "self":
            self.layers: list[Any] = [
                Transformer(config, seed, dtype=policy, name="transformer")
            ]
        else:
            kind = BidirectionalLSTM if config.kind == "lstm" else BidirectionalGRU
            self.layers = [
                kind(config.units, dtype=policy, name=f"{config.kind}_{i}")
                for i in range(config.layers)
            ]
        norm = LayerNormalization if config.norms else keras.layers.Identity
        self.norms = [
            norm(dtype="float32", name=f"norm_{i}") for i in range(len(self.layers) + 1)
        ]
        self.dropouts = [
            Dropout(config.dropout, axis=1, seed=seed + i, dtype="float32")
            for i in range(len(self.layers) + 1)
        ]
        self.output_layer = keras.layers.Identity()
        if config.memory_units:
            self.output_layer = keras.layers.Dense(
                config.memory_units, dtype=policy, name="memory"
            )

    def build(self, features_shape: Any, *_: Any) -> None:
        """Create the weights of all layers."""
        config, channels = self.config, features_shape[-1]
        for convolution in self.convolutions:
            convolution.build((None, None, channels))
            channels = convolution.filters
        self.norms[0].build((None, None, channels))
        for layer, norm in zip(self.layers, self.norms[1:], strict=True):
            layer.build((None, None, channels))
            channels = 2 * config.units
            norm.build((None, None, channels))
        self.output_layer.build((None, None, channels * config.memory_stride))

    def compute_output_spec(self, features: Any, lengths: Any, **_: Any) -> Encoded:
        """Return symbolic outputs without tracing the loops."""
        batch, config = features.shape[0], self.config
        # Two tensors: one for both would name one output twice.
        counts, joined = (keras.KerasTensor(lengths.shape, "int32") for _ in range(2))
        states = keras.KerasTensor((batch, None, 2 * config.units))
        memory = keras.KerasTensor((batch, None, config.memory_size))
        return Encoded(states, counts, memory, joined)

    def call(
        self, features: Tensor, lengths: Tensor, training: bool = False
    ) -> Encoded:
        """See the class."""
        outputs = features  # (B, T, F)
        real = sequence_mask(lengths, ops.shape(features)[1])
        left = (self.config.kernel - 1) // 2
        right = self.config.kernel - 1 - left
        for convolution in self.convolutions:
            # Padding by hand: that of Keras depends on the padded length of the batch.
            outputs = ops.pad(outputs, ((0, 0), (left, right), (0, 0)))
            outputs = ops.cast(convolution(outputs), "float32")
            lengths = state_lengths(lengths, self.config.stride)
            real = sequence_mask(lengths, ops.shape(outputs)[1])
            outputs = ops.where(real[..., None], outputs, 0.0)
        outputs = ops.transpose(outputs, (1, 0, 2))  # (R, B, filters)
        mask = ops.cast(ops.transpose(real), "float32")[..., None]  # (R, B, 1)
        outputs = self.dropouts[0](self.norms[0](outputs), training=training)
        for layer, norm, dropout in zip(
            self.layers, self.norms[1:], self.dropouts[1:], strict=True
        ):
            outputs = layer(outputs, mask, training=training)
            outputs = dropout(norm(outputs), training=training)
        states = ops.transpose(outputs * mask, (1, 0, 2))  # (B, R, 2H)
        return Encoded(states, lengths, *self._memory(states, lengths))

    def _memory(self, states: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """Join `memory_stride` states into each memory frame."""
        stride = self.config.memory_stride
        batch, size, units = ops.shape(states)
        frames = state_lengths(size, stride)
        states = ops.pad(states, ((0, 0), (0, frames * stride - size), (0, 0)))
        states = ops.reshape(states, (batch, frames, stride * units))
        lengths = state_lengths(lengths, stride)
        memory = ops.cast(self.output_layer(states), "float32")
        real = sequence_mask(lengths, frames)[..., None]
        return ops.where(real, memory, 0.0), lengths
