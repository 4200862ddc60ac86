"""Attention decoder over known tokens: teacher forcing."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from asr.arrays import Tensor
from asr.config.schema import ModelConfig
from asr.model.attention_variants import attention_class
from asr.model.decoder_cell import Cell, DecoderInputs, DecoderOutputs
from asr.model.kernels.decoder_scan import scan_tokens
from asr.model.ops import sequence_mask
from asr.model.pointer_generator import mixture


class Decoder(keras.layers.Layer):
    """GRU over the previous tokens and contexts, with attention over the memory.

    s_i = GRU(s_(i-1), [embedding(y_(i-1)), c_(i-1)]), c_i = attention(s_i, memory), and
    the logits are a function of s_i and c_i. It runs in float32 under mixed precision.

    Args:
        config: Its `decoder` has sizes and dropout, its `attention` kind and sizes.
        vocabulary: Number of tokens.
        seed: Seed of the dropout.

    Raises:
        RecipeError: The kind of attention is unknown.

    Call arguments:
        tokens: Previous tokens, the start symbol first, (B, U) int32.
        memory: Encoder output, (B, S, D) float32.
        memory_lengths: Real frames of each, (B,) int32.
        source: Tokens behind the memory frames, (B, S) int32; only for copying.
        training: Whether dropout is active.

    Returns:
        Logits of the next token (log probabilities where it may copy), (B, U, V)
        float32, and attention weights, (B, U, S).

    Reference:
        W. Chan et al., Listen, Attend and Spell, ICASSP 2016, section 2.2.
    """

    def __init__(
        self, config: ModelConfig, vocabulary: int, *, seed: int = 0, **kwargs: Any
    ) -> None:
        super().__init__(dtype="float32", **kwargs)
        self.config = sizes = config.decoder
        self.vocabulary = vocabulary
        attention = attention_class(config.attention.kind)
        self.attention = attention(config.attention, name="attention")
        layers, exact = keras.layers, {"dtype": "float32"}
        self.embedding = layers.Embedding(
            vocabulary, sizes.embedding, name="embedding", **exact
        )
        units = sizes.embedding if sizes.tied else sizes.units
        self.bridge = layers.Dense(units, activation="tanh", name="bridge", **exact)
        # Both are made even if unused: else later layers would draw other initial
        # weights from the same seed.
        self.output_layer = layers.Dense(vocabulary, name="logits", **exact)
        self.gate = layers.Dense(1, name="gate", **exact)
        self.dropout = layers.Dropout(sizes.dropout, seed=seed, **exact)
        self.embedding_dropout = layers.Dropout(
            sizes.embedding_dropout, seed=seed + 1, **exact
        )
        self.random = keras.random.SeedGenerator(seed + 2)

    def build(self, tokens_shape: Any, memory_shape: Any, *_: Any) -> None:
        """Create the weights."""
        units, width, add = self.config.units, memory_shape[-1], self.add_weight
        self.embedding.build(tokens_shape)
        shape = self.config.embedding, 3 * units
        self.embedding_kernel = add(shape, name="embedding_kernel")
        self.context_kernel = add((width, 3 * units), name="context_kernel")
        self.recurrent_kernel = add(
            (units, 3 * units), "orthogonal", name="recurrent_kernel"
        )
        self.bias = add((2, 3 * units), "zeros", name="bias")
        self.attention.build(units, width)
        self.bridge.build((None, None, units + width))
        if self.config.tied:
            self.output_bias = add((self.vocabulary,), "zeros", name="output_bias")
        else:
            self.output_layer.build((None, None, units))
        if self.config.copy:
            self.gate.build((None, None, units + width))

    def compute_output_spec(self, tokens: Any, memory: Any, *_: Any, **__: Any) -> Any:
        """Return symbolic outputs without tracing the loop."""
        return (
            keras.KerasTensor((*tokens.shape, self.vocabulary)),
            keras.KerasTensor((*tokens.shape, memory.shape[1])),
        )

    def call(
        self,
        tokens: Tensor,
        memory: Tensor,
        memory_lengths: Tensor,
        source: Tensor = None,
        training: bool = False,
    ) -> tuple[Any, Any]:
        """See the class."""
        batch, frames, _ = ops.shape(memory)
        prepared = self.attention.prepare(memory, sequence_mask(memory_lengths, frames))
        embedded = self.embedding_dropout(self.embedding(tokens), training=training)
        dropout_mask = None
        if training:
            shape = (ops.shape(tokens)[1], batch, frames)
            dropout = self.config.attention_dropout
            dropout_mask = self.attention.noise(shape, dropout, self.random)
        projected = ops.transpose(self.project(embedded), (1, 0, 2))
        outputs = scan_tokens(
            self.attention, DecoderInputs(self.cell, projected, prepared, dropout_mask)
        )
        outputs = DecoderOutputs(*(ops.transpose(it, (1, 0, 2)) for it in outputs))
        return self.logits(outputs, source, training), outputs.weights

    @property
    def cell(self) -> Cell:
        """Weights of the GRU."""
        # Slices: a custom gradient must not capture TensorFlow variables.
        return Cell(self.context_kernel[:], self.recurrent_kernel[:], self.bias[1])

    def project(self, embedded: Tensor) -> Any:
        """Project embedded tokens into the GRU, (B, U, E) -> (B, U, 3H)."""
        return ops.matmul(embedded, self.embedding_kernel) + self.bias[0]

    def logits(
        self, outputs: DecoderOutputs, source: Tensor, training: bool = False
    ) -> Any:
        """Return the logits of steps, (B, U, V), from outputs with the batch first."""
        both = ops.concatenate([outputs.hidden, outputs.context], axis=-1)
        bridge = self.dropout(self.bridge(both), training=training)
        if self.config.tied:
            kernel = ops.transpose(self.embedding.embeddings)
            logits = ops.matmul(bridge, kernel) + self.output_bias
        else:
            logits = self.output_layer(bridge)
        if self.config.copy:
            logits = mixture(logits, outputs.weights, self.gate(both), source)
        return logits
