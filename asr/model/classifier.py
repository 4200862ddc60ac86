"""Classifier by attentive pooling, with the interface of the decoder."""

from __future__ import annotations

from typing import Any, NamedTuple

import keras
from keras import ops

from asr.arrays import Tensor
from asr.config.schema import AttentionConfig, DecoderConfig
from asr.model.attention import mask_bias
from asr.model.ops import sequence_mask


class Pooled(NamedTuple):
    """Tensors that all steps share."""

    logits: Tensor  # of the class, (B, 1, V)
    weights: Tensor  # of the frames, (B, 1, S)


class PoolingDecoder(keras.layers.Layer):
    """Classifier by attentive pooling: one weighted mean of the memory, one class.

    The weights are the softmax of v . tanh(W m_s + b) over the frames s. It has the
    interface of `Decoder`: the class is its first token, and a bias that is trained to
    end the text gives the logits of all later ones. So training, n-best lists and
    attention maps work as for every task.

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
        layers, exact = keras.layers, {"dtype": "float32"}
        units = attention.units
        self.keys = layers.Dense(units, activation="tanh", name="keys", **exact)
        self.energy = layers.Dense(1, use_bias=False, name="energy", **exact)
        self.output_layer = layers.Dense(vocabulary, name="logits", **exact)
        self.dropout = layers.Dropout(config.dropout, seed=seed, **exact)

    def build(self, tokens_shape: Any, memory_shape: Any, *_: Any) -> None:  # noqa: ARG002 - Keras shapes
        """Create the weights."""
        self.keys.build((None, None, memory_shape[-1]))
        self.energy.build((None, None, self.keys.units))
        self.output_layer.build((None, None, memory_shape[-1]))
        self.following = self.add_weight((self.vocabulary,), "zeros", name="following")

    def compute_output_spec(self, tokens: Any, memory: Any, *_: Any, **__: Any) -> Any:
        """Return symbolic outputs."""
        return (
            keras.KerasTensor((*tokens.shape, self.vocabulary)),
            keras.KerasTensor((*tokens.shape, memory.shape[1])),
        )

    def prepare(
        self, memory: Tensor, memory_lengths: Tensor, *, training: bool = False
    ) -> Pooled:
        """Compute the logits of the class and the weights of the frames."""
        mask = sequence_mask(memory_lengths, ops.shape(memory)[1])
        energy = ops.transpose(self.energy(self.keys(memory)), (0, 2, 1))  # (B, 1, S)
        weights = ops.softmax(energy + mask_bias(mask), axis=-1)
        pooled = self.dropout(ops.matmul(weights, memory), training=training)
        return Pooled(self.output_layer(pooled), weights)

    def initial_state(self, prepared: Pooled, beam: int = 1) -> Tensor:
        """Return the number of tokens so far, (B, K, 1)."""
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
        step = ops.arange(ops.shape(tokens)[1])[None, :, None]
        logits = ops.where(step == 0, pooled.logits, self.following)
        return logits, pooled.weights + ops.zeros_like(logits[..., :1])
