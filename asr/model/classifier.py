"""A decoder that writes one token: a classifier by attentive pooling."""

from __future__ import annotations

from typing import Any, NamedTuple

import keras
from keras import ops

from asr.arrays import Tensor
from asr.config.schema import AttentionConfig, DecoderConfig
from asr.model.attention import mask_bias
from asr.model.ops import sequence_mask


class Pooled(NamedTuple):
    """What all steps share.

    Attributes:
        logits: Of the one token, (B, 1, V).
        weights: Where it looked, (B, 1, S).
    """

    logits: Tensor
    weights: Tensor


class PoolingDecoder(keras.layers.Layer):
    """Looks at the memory once, and classifies what it sees.

    The weight of frame s is the softmax of v . tanh(W m_s + b); the class is a function
    of the weighted mean. It has the interface of `Decoder`, and writes the class as its
    first token; what follows is a bias that learns to end. So training, search with
    its n best, and attention maps are those of all tasks.

    Args:
        config: Dropout before the output layer.
        attention: `units`, the size of the space in which frames are weighed.
        vocabulary: Number of tokens.
        seed: Seed of the dropout.

    Call arguments and returns: see `Decoder`.

    Reference:
        C. Raffel and D. Ellis, Feed-forward networks with attention, 2015 (workshop of
        ICLR 2016), equation 1; Z. Lin et al., ICLR 2017, section 2.1, with one hop.
    """

    def __init__(
        self,
        config: DecoderConfig,
        attention: AttentionConfig,
        vocabulary: int,
        *,
        seed: int = 0,
        **kwargs: Any,
    ) -> None:
        super().__init__(dtype="float32", **kwargs)
        self.config = config
        self.vocabulary = vocabulary
        self.keys = keras.layers.Dense(
            attention.units, activation="tanh", dtype="float32", name="keys"
        )
        self.energy = keras.layers.Dense(
            1, use_bias=False, dtype="float32", name="energy"
        )
        self.output_layer = keras.layers.Dense(
            vocabulary, dtype="float32", name="logits"
        )
        self.dropout = keras.layers.Dropout(config.dropout, seed=seed, dtype="float32")

    def build(self, tokens_shape: Any, memory_shape: Any, *_: Any) -> None:  # noqa: ARG002 - Keras shapes
        """Create the weights."""
        self.keys.build((None, None, memory_shape[-1]))
        self.energy.build((None, None, self.keys.units))
        self.output_layer.build((None, None, memory_shape[-1]))
        self.following = self.add_weight(
            shape=(self.vocabulary,), initializer="zeros", name="following"
        )

    def compute_output_spec(self, tokens: Any, memory: Any, *_: Any, **__: Any) -> Any:
        """Return symbolic outputs."""
        return (
            keras.KerasTensor((*tokens.shape, self.vocabulary)),
            keras.KerasTensor((*tokens.shape, memory.shape[1])),
        )

    def prepare(
        self, memory: Tensor, memory_lengths: Tensor, *, training: bool = False
    ) -> Pooled:
        """Look at the memory."""
        mask = sequence_mask(memory_lengths, ops.shape(memory)[1])
        energy = ops.transpose(self.energy(self.keys(memory)), (0, 2, 1))  # (B, 1, S)
        weights = ops.softmax(energy + mask_bias(mask), axis=-1)
        pooled = self.dropout(ops.matmul(weights, memory), training=training)
        return Pooled(self.output_layer(pooled), weights)

    def initial_state(self, prepared: Pooled, beam: int = 1) -> Tensor:
        """Return the number of tokens written so far, (B, K, 1)."""
        return ops.zeros((ops.shape(prepared.logits)[0], beam, 1))

    def step(self, _: Tensor, state: Tensor, prepared: Pooled) -> tuple[Any, Any]:
        """Return logits of the next token, (B, K, V), and the state after it."""
        logits = ops.where(state < 0.5, prepared.logits, self.following)
        return logits, state + 1.0

    def call(
        self,
        tokens: Tensor,
        memory: Tensor,
        memory_lengths: Tensor,
        training: bool = False,
    ) -> tuple[Any, Any]:
        """See the class."""
        pooled = self.prepare(memory, memory_lengths, training=training)
        place = ops.arange(ops.shape(tokens)[1])[None, :, None]
        logits = ops.where(place == 0, pooled.logits, self.following)
        return logits, pooled.weights + ops.zeros_like(logits[..., :1])
