"""Tokens of a text -> features: the frontend of text tasks."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from asr.arrays import Tensor
from asr.config.schema import TextConfig
from asr.model.batch_share import Dropout
from asr.model.ops import sequence_mask


class TokenEmbedding(keras.layers.Layer):
    """Embeds tokens, with dropout in training.

    Args:
        config: Size and dropout.
        vocabulary: Number of tokens.

    Call arguments:
        source: Tokens in any numeric type, (B, N).
        lengths: Real tokens of each, (B,) int32.
        training: Whether dropout is active.

    Returns:
        Features, zero in the padding, (B, N, E) float32, and the lengths.
    """

    def __init__(self, config: TextConfig, vocabulary: int, **kwargs: Any) -> None:
        super().__init__(dtype="float32", **kwargs)
        self.config = config
        self.vocabulary = vocabulary
        self.dropout = Dropout(config.dropout, dtype="float32")

    def build(self, *_: Any) -> None:
        """Create the table."""
        size = self.config.embedding
        normal = keras.initializers.RandomNormal(stddev=size**-0.5)
        self.table = self.add_weight((self.vocabulary, size), normal, name="table")

    def compute_output_spec(self, source: Any, lengths: Any, **_: Any) -> Any:
        """Return symbolic outputs."""
        features = keras.KerasTensor((*source.shape, self.config.embedding))
        return features, keras.KerasTensor(lengths.shape, "int32")

    def tokens(self, source: Tensor) -> Tensor:
        """Return the tokens of a source as integers, for copying, (B, N) int32."""
        return ops.cast(source, "int32")

    def call(
        self, source: Tensor, lengths: Tensor, training: bool = False
    ) -> tuple[Tensor, Tensor]:
        """See the class."""
        features = ops.take(self.table, self.tokens(source), axis=0)
        features = self.dropout(features, training=training)
        mask = sequence_mask(lengths, ops.shape(features)[1])[..., None]
        # A new tensor: in Keras an output must not be an input.
        return ops.where(mask, features, 0.0), lengths + 0
