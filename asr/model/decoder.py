"""Attention decoder; training and search share `decoder_cell.advance`."""

from __future__ import annotations

from typing import Any, NamedTuple

import keras
from keras import ops

from asr.arrays import Tensor
from asr.config.schema import AttentionConfig, DecoderConfig
from asr.model.attention import Memory
from asr.model.attention_variants import attention_class
from asr.model.decoder_cell import (
    Cell,
    DecoderOutputs,
    DecoderState,
    advance,
    initial_state,
)
from asr.model.kernels.decoder_scan import scan_tokens
from asr.model.ops import sequence_mask
from asr.model.pointer_generator import mixture


class Prepared(NamedTuple):
    """Tensors that all steps share."""

    memory: Memory  # result of `Attention.prepare`
    source: Tensor = None  # tokens that may be copied, (B, S) int32
    kernel: Tensor = None  # the embedding as kernel of the output layer, (E, V)


class Decoder(keras.layers.Layer):
    """GRU over the previous tokens and contexts, with attention over the memory.

    s_i = GRU(s_(i-1), [embedding(y_(i-1)), c_(i-1)]), c_i = attention(s_i, memory), and
    the logits are a function of s_i and c_i. It runs in float32 under mixed precision.

    Args:
        config: Sizes and dropout.
        attention: Kind and sizes of the attention.
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
        self.attention = attention_class(attention.kind)(attention, name="attention")
        layers, exact = keras.layers, {"dtype": "float32"}
        self.embedding = layers.Embedding(
            vocabulary, config.embedding, name="embedding", **exact
        )
        units = config.embedding if config.tied else config.units
        self.bridge = layers.Dense(units, activation="tanh", name="bridge", **exact)
        # Both are made even if unused: else later layers would draw other initial
        # weights from the same seed.
        self.output_layer = layers.Dense(vocabulary, name="logits", **exact)
        self.gate = layers.Dense(1, name="gate", **exact)
        self.dropout = layers.Dropout(config.dropout, seed=seed, **exact)
        self.embedding_dropout = layers.Dropout(
            config.embedding_dropout, seed=seed + 1, **exact
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

    def prepare(
        self, memory: Tensor, memory_lengths: Tensor, source: Tensor = None
    ) -> Prepared:
        """Compute the tensors that all steps share; arguments as in the class."""
        mask = sequence_mask(memory_lengths, ops.shape(memory)[1])
        kernel = None
        if self.config.tied:
            kernel = ops.transpose(self.embedding.embeddings)
        return Prepared(self.attention.prepare(memory, mask), source, kernel)

    def initial_state(self, prepared: Prepared, beam: int = 1) -> DecoderState:
        """Return the state before the first step for K hypotheses."""
        return initial_state(self._cell(), self.attention, prepared.memory, beam)

    def step(
        self, tokens: Tensor, state: DecoderState, prepared: Prepared
    ) -> tuple[Any, DecoderState]:
        """Advance each hypothesis by one token, for greedy and beam search.

        Args:
            tokens: Previous tokens, (B, K) int32.
            state: State before the step.
            prepared: Result of `prepare`.

        Returns:
            Logits of the next token, (B, K, V), and the state after the step.
        """
        projected = self._project(self.embedding(tokens))
        state, weights = advance(
            self._cell(), self.attention, projected, state, prepared.memory
        )
        outputs = DecoderOutputs(state.hidden, state.context, weights)
        return self._logits(outputs, prepared, training=False), state

    def call(
        self,
        tokens: Tensor,
        memory: Tensor,
        memory_lengths: Tensor,
        source: Tensor = None,
        training: bool = False,
    ) -> tuple[Any, Any]:
        """See the class."""
        prepared = self.prepare(memory, memory_lengths, source)
        embedded = self.embedding_dropout(self.embedding(tokens), training=training)
        projected = ops.transpose(self._project(embedded), (1, 0, 2))
        dropout_mask = None
        if training:
            batch, frames, _ = ops.shape(memory)
            shape = (ops.shape(tokens)[1], batch, frames)
            dropout = self.config.attention_dropout
            dropout_mask = self.attention.noise(shape, dropout, self.random)
        outputs = scan_tokens(
            self._cell(), self.attention, projected, prepared.memory, dropout_mask
        )
        outputs = DecoderOutputs(*(ops.transpose(it, (1, 0, 2)) for it in outputs))
        return self._logits(outputs, prepared, training=training), outputs.weights

    def _cell(self) -> Cell:
        # Slices: a custom gradient must not capture TensorFlow variables.
        return Cell(self.context_kernel[:], self.recurrent_kernel[:], self.bias[1])

    def _project(self, embedded: Tensor) -> Tensor:
        return ops.matmul(embedded, self.embedding_kernel) + self.bias[0]

    def _logits(
        self, outputs: DecoderOutputs, prepared: Prepared, *, training: bool
    ) -> Tensor:
        """Return logits from states, contexts and attention weights, (B, n, V)."""
        both = ops.concatenate(outputs[:2], axis=-1)
        bridge = self.dropout(self.bridge(both), training=training)
        if self.config.tied:
            logits = ops.matmul(bridge, prepared.kernel) + self.output_bias
        else:
            logits = self.output_layer(bridge)
        if not self.config.copy:
            return logits
        return mixture(logits, outputs.weights, self.gate(both), prepared.source)
