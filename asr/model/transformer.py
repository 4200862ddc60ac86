"""Transformer encoder: blocks of self-attention, in the place of the GRUs."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from asr.arrays import Tensor
from asr.config.schema import EncoderConfig
from asr.errors import RecipeError
from asr.model.batch_share import Dropout
from asr.model.multi_head import MultiHeadAttention
from asr.model.ops import LayerNormalization, branch, serializable


def positions(frames: Tensor, units: int) -> Tensor:
    """Return sines and cosines of positions, (frames, units); units must be even.

    Reference:
        A. Vaswani et al., NeurIPS 2017, section 3.5, with all sines before the cosines.
    """
    rates = 10000.0 ** (-2.0 * ops.arange(units // 2, dtype="float32") / units)
    angles = ops.arange(frames, dtype="float32")[:, None] * rates
    return ops.concatenate([ops.sin(angles), ops.cos(angles)], axis=-1)


@serializable
class TransformerBlock(keras.layers.Layer):
    """Self-attention and two dense layers, each with a residual connection.

    Args:
        embed_dim: Size of a frame, E.
        num_heads: Number of heads; they divide the size.
        ff_dim: Units of the wide dense layer.
        rate: Dropout after each part.
        seed: Seed of the dropout.

    Call arguments:
        inputs: (B, T, E).
        mask: True at real frames, (B, T) bool; by default the mask that the inputs
            carry, or all of them.
        training: Whether dropout is active.

    Returns:
        (B, T, E) float32: under mixed precision the sum of residuals stays exact.

    Raises:
        ValueError: The heads do not divide the size of a frame.

    Reference:
        A. Vaswani et al., NeurIPS 2017, section 3.1, normalised before each part, as
        in R. Xiong et al., ICML 2020.
    """

    def __init__(
        self,
        embed_dim: int,
        num_heads: int,
        ff_dim: int,
        rate: float = 0.1,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**{**kwargs, "autocast": False})
        if embed_dim % num_heads:
            raise ValueError(
                f"num_heads must divide embed_dim, got {num_heads} and {embed_dim}"
            )
        self.supports_masking = True
        self.arguments = {
            "embed_dim": embed_dim,
            "num_heads": num_heads,
            "ff_dim": ff_dim,
            "rate": rate,
            "seed": seed,
        }
        layers, policy = keras.layers, self.dtype_policy
        self.attention = MultiHeadAttention(
            num_heads, embed_dim // num_heads, dtype="float32", name="attention"
        )
        self.wide = layers.Dense(ff_dim, "gelu", dtype=policy, name="wide")
        self.narrow = layers.Dense(embed_dim, dtype=policy, name="narrow")
        self.norms = [
            LayerNormalization(dtype="float32", name=f"norm_{i}") for i in range(2)
        ]
        self.dropouts = [
            Dropout(rate, seed=None if seed is None else seed + i, dtype="float32")
            for i in range(2)
        ]

    def build(self, inputs_shape: Any) -> None:
        """Create the weights."""
        self.attention.build(inputs_shape, inputs_shape)
        self.wide.build(inputs_shape)
        self.narrow.build((*inputs_shape[:-1], self.wide.units))
        for norm in self.norms:
            norm.build(inputs_shape)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments of the layer."""
        return {**super().get_config(), **self.arguments}

    def compute_output_spec(self, inputs: Any, *_: Any, **__: Any) -> Any:
        """Return the symbolic output."""
        return keras.KerasTensor(inputs.shape)

    def call(
        self, inputs: Tensor, mask: Tensor = None, training: bool = False
    ) -> Tensor:
        """See the class."""
        inputs = ops.cast(inputs, "float32")
        if mask is None:
            mask = ops.ones(ops.shape(inputs)[:2], "bool")
        normal = self.norms[0](branch(inputs))
        memory = self.attention.prepare(branch(normal), ops.cast(mask, "bool"))
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
                self.units,
                config.heads,
                4 * self.units,
                config.dropout,
                seed + 10 * i,
                dtype=self.dtype_policy,
                name=f"block_{i}",
            )
            for i in range(config.layers)
        ]

    def build(self, inputs_shape: Any, *_: Any) -> None:
        """Create the weights of all blocks."""
        self.entry.build(inputs_shape)
        for block in self.blocks:
            block.build((None, None, self.units))

    def call(self, inputs: Tensor, mask: Tensor, training: bool = False) -> Tensor:
        """See the class."""
        real = ops.transpose(mask[..., 0]) > 0  # (B, T)
        outputs = ops.cast(self.entry(inputs), "float32")
        outputs = ops.transpose(outputs, (1, 0, 2))
        outputs = outputs + positions(ops.shape(inputs)[0], self.units)
        for block in self.blocks:
            outputs = block(outputs, real, training=training)
        return ops.transpose(outputs, (1, 0, 2))
