"""Attention decoder: one `step` for training, greedy and beam search alike."""

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
    """What all steps share.

    Attributes:
        memory: What `Attention.prepare` returned.
        source: Tokens that may be copied, (B, S) int32, or None.
        kernel: The embedding as kernel of the output layer, (E, V), or None.
    """

    memory: Memory
    source: Tensor = None
    kernel: Tensor = None


class Decoder(keras.layers.Layer):
    """GRU that reads the previous token and context, then looks at the memory.

    s_i = GRU(s_(i-1), [embedding(y_(i-1)), c_(i-1)]), c_i = attention(s_i, memory), and
    the logits are a function of s_i and c_i. It runs in float32 under mixed precision.

    Args:
        config: Sizes and dropout.
        attention: How it looks at the memory.
        vocabulary: Number of tokens.
        seed: Seed of the dropout.

    Raises:
        RecipeError: There is no attention of that kind.

    Call arguments:
        tokens: Previous tokens, the start symbol first, (B, U) int32.
        memory: Encoder output, (B, S, D) float32.
        memory_lengths: Real frames of each, (B,) int32.
        source: Tokens behind the memory's frames, (B, S) int32, where the decoder may
            copy them.
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
        self.embedding = keras.layers.Embedding(
            vocabulary, config.embedding, dtype="float32", name="embedding"
        )
        self.bridge = keras.layers.Dense(
            config.embedding if config.tied else config.units,
            activation="tanh",
            dtype="float32",
            name="bridge",
        )
        # Both are made where they are not used as well: without them, the layers that
        # follow would draw other weights from the same seed.
        self.output_layer = keras.layers.Dense(
            vocabulary, dtype="float32", name="logits"
        )
        self.gate = keras.layers.Dense(1, dtype="float32", name="gate")
        self.dropout = keras.layers.Dropout(config.dropout, seed=seed, dtype="float32")
        self.embedding_dropout = keras.layers.Dropout(
            config.embedding_dropout, seed=seed + 1, dtype="float32"
        )
        self.random = keras.random.SeedGenerator(seed + 2)

    def build(self, tokens_shape: Any, memory_shape: Any, *_: Any) -> None:
        """Create the weights."""
        units, width = self.config.units, memory_shape[-1]
        self.embedding.build(tokens_shape)
        self.embedding_kernel = self.add_weight(
            shape=(self.config.embedding, 3 * units), name="embedding_kernel"
        )
        self.context_kernel = self.add_weight(
            shape=(width, 3 * units), name="context_kernel"
        )
        self.recurrent_kernel = self.add_weight(
            shape=(units, 3 * units), initializer="orthogonal", name="recurrent_kernel"
        )
        self.bias = self.add_weight(
            shape=(2, 3 * units), initializer="zeros", name="bias"
        )
        self.attention.build(units, width)
        self.bridge.build((None, None, units + width))
        if self.config.tied:
            self.output_bias = self.add_weight(
                shape=(self.vocabulary,), initializer="zeros", name="output_bias"
            )
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
        """Compute what all steps share; see the class and `Attention.prepare`."""
        mask = sequence_mask(memory_lengths, ops.shape(memory)[1])
        kernel = None
        if self.config.tied:
            kernel = ops.transpose(self.embedding.embeddings)
        return Prepared(self.attention.prepare(memory, mask), source, kernel)

    def initial_state(self, prepared: Prepared, beam: int = 1) -> DecoderState:
        """Return the state before the first step for K hypotheses."""
        return initial_state(self._cell(), self.attention, prepared.memory, beam)

    def step(
        self,
        tokens: Tensor,
        state: DecoderState,
        prepared: Prepared,
    ) -> tuple[Any, DecoderState]:
        """Read one token of each hypothesis.

        Args:
            tokens: Previous tokens, (B, K) int32.
            state: State before it.
            prepared: What `prepare` returned.

        Returns:
            Logits of the next token, (B, K, V), and the state after it.
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
        # Slices, since a custom gradient must not see TensorFlow's variables.
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
