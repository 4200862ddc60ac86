"""Classifier by attentive pooling, with the interface of the decoder."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from asr.arrays import Tensor
from asr.config.schema import ModelConfig
from asr.model.batch_share import Dropout
from asr.model.decoder import Decoder
from asr.model.ops import sequence_mask
from asr.model.simple_attention import pool


class PoolingDecoder(keras.layers.Layer):
    """Classifier by attentive pooling: one weighted mean of the memory, one class.

    The weights are those of `SimpleAttention`. It has the interface of `Decoder`: the
    class is its first token, and a bias that is trained to end the text gives the
    logits of all later ones. So training, n-best lists and attention maps work as for
    every task.

    Args:
        config: `attention.units`, the size of the space in which frames are weighed,
            and `decoder.dropout`, before the output layer.
        vocabulary: Number of tokens.
        seed: Seed of the dropout.

    Call arguments and returns: see `Decoder`.
    """

    def __init__(
        self, config: ModelConfig, vocabulary: int, *, seed: int = 0, **kwargs: Any
    ) -> None:
        super().__init__(dtype="float32", **kwargs)
        self.vocabulary = vocabulary
        layers, exact = keras.layers, {"dtype": "float32"}
        units = config.attention.units
        self.keys = layers.Dense(units, activation="tanh", name="keys", **exact)
        self.energy = layers.Dense(1, use_bias=False, name="energy", **exact)
        self.output_layer = layers.Dense(vocabulary, name="logits", **exact)
        self.dropout = Dropout(config.decoder.dropout, seed=seed, dtype="float32")

    def build(self, tokens_shape: Any, memory_shape: Any, *_: Any) -> None:  # noqa: ARG002 - Keras shapes
        """Create the weights."""
        self.keys.build((None, None, memory_shape[-1]))
        self.energy.build((None, None, self.keys.units))
        self.output_layer.build((None, None, memory_shape[-1]))
        self.following = self.add_weight((self.vocabulary,), "zeros", name="following")

    compute_output_spec = Decoder.compute_output_spec

    def call(
        self,
        tokens: Tensor,
        memory: Tensor,
        memory_lengths: Tensor,
        training: bool = False,
    ) -> tuple[Any, Any]:
        """See the class."""
        mask = sequence_mask(memory_lengths, ops.shape(memory)[1])
        pooled, weights = pool(self.energy(self.keys(memory)), memory, mask)
        pooled = self.dropout(pooled, training=training)
        step = ops.arange(ops.shape(tokens)[1])[None, :, None]
        logits = ops.where(step == 0, self.output_layer(pooled), self.following)
        return logits, weights + ops.zeros_like(logits[..., :1])
