"""Transformer encoder: blocks of self-attention, in the place of the GRUs."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from asr.arrays import Tensor
from asr.config.schema import AttentionConfig, EncoderConfig
from asr.errors import RecipeError
from asr.model.multi_head import MultiHeadAttention
from asr.model.ops import LayerNormalization, branch


def positions(frames: Tensor, units: int) -> Tensor:
    """Return sines and cosines of positions, (frames, units); units must be even.

    Reference:
        A. Vaswani et al., NeurIPS 2017, section 3.5, with all sines before the cosines.
    """
    rates = 10000.0 ** (-2.0 * ops.arange(units // 2, dtype="float32") / units)
    angles = ops.arange(frames, dtype="float32")[:, None] * rates
    return ops.concatenate([ops.sin(angles), ops.cos(angles)], axis=-1)


class TransformerBlock(keras.layers.Layer):
    """Self-attention and two dense layers, each with a residual connection.

    Args:
        config: `heads`, `dropout`, and `units`, half the size of a frame.
        seed: Seed of the dropout.

    Call arguments:
        inputs: (B, T, 2 * units) float32.
        mask: True at real frames, (B, T) bool.
        training: Whether dropout is active.

    Returns:
        (B, T, 2 * units) float32.

    Reference:
        A. Vaswani et al., NeurIPS 2017, section 3.1, normalised before each part, as
        in R. Xiong et al., ICML 2020.
    """

    def __init__(self, config: EncoderConfig, seed: int = 0, **kwargs: Any) -> None:
        super().__init__(autocast=False, **kwargs)
        self.units = units = 2 * config.units
        heads = AttentionConfig(kind="multi_head", units=units, heads=config.heads)
        self.attention = MultiHeadAttention(heads, name="attention")
        layers, policy = keras.layers, self.dtype_policy
        self.wide = layers.Dense(4 * units, "gelu", dtype=policy, name="wide")
        self.narrow = layers.Dense(units, dtype=policy, name="narrow")
        self.norms = [
            LayerNormalization(dtype="float32", name=f"norm_{i}") for i in range(2)
        ]
        self.dropouts = [
            layers.Dropout(config.dropout, seed=seed + i, dtype="float32")
            for i in range(2)
        ]

    def build(self, *_: Any) -> None:
        """Create the weights."""
        shape = (None, None, self.units)
        self.attention.build(self.units, self.units)
        self.wide.build(shape)
        self.narrow.build((None, None, 4 * self.units))
        for norm in self.norms:
            norm.build(shape)

    def call(self, inputs: Tensor, mask: Tensor, training: bool = False) -> Tensor:
        """See the class."""
        normal = self.norms[0](branch(inputs))
        memory = self.attention.prepare(branch(normal), mask)
        state = self.attention.initial_state(memory, 1)
        context, _, _ = self.attention.attend(normal, memory, state)
        outputs = inputs + self.dropouts[0](context, training=training)
        wide = self.wide(self.norms[1](branch(outputs)))
        narrow = ops.cast(self.narrow(wide), "float32")
        return outputs + self.dropouts[1](narrow, training=training)


class Transformer(keras.layers.Layer):
    """Positional encoding and a stack of blocks.

    Args:
        config: `layers`, `units`, `heads` and `dropout`; frames have 2 * `units`.
        seed: Seed of the dropout.

    Call arguments:
        inputs: (T, B, channels), time first.
        mask: 1 at real steps and 0 in the padding, (T, B, 1) float32.
        training: Whether dropout is active.

    Returns:
        (T, B, 2 * units) float32.

    Raises:
        RecipeError: The heads do not divide the units.
    """

    def __init__(self, config: EncoderConfig, seed: int = 0, **kwargs: Any) -> None:
        super().__init__(autocast=False, **kwargs)
        self.units = 2 * config.units
        if self.units % config.heads:
            raise RecipeError(
                f"model.encoder.heads: {config.heads} heads do not divide twice "
                f"model.encoder.units, {self.units}"
            )
        self.entry = keras.layers.Dense(
            self.units, dtype=self.dtype_policy, name="entry"
        )
        self.blocks = [
            TransformerBlock(
                config, seed + 10 * i, dtype=self.dtype_policy, name=f"block_{i}"
            )
            for i in range(config.layers)
        ]

    def build(self, inputs_shape: Any, *_: Any) -> None:
        """Create the weights of all blocks."""
        self.entry.build(inputs_shape)
        for block in self.blocks:
            block.build()

    def call(self, inputs: Tensor, mask: Tensor, training: bool = False) -> Tensor:
        """See the class."""
        real = ops.transpose(mask[..., 0]) > 0  # (B, T)
        outputs = ops.cast(self.entry(inputs), "float32")
        outputs = ops.transpose(outputs, (1, 0, 2))
        outputs = outputs + positions(ops.shape(inputs)[0], self.units)
        for block in self.blocks:
            outputs = block(outputs, real, training=training)
        return ops.transpose(outputs, (1, 0, 2))
