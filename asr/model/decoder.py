"""Attention decoder: one `step` for training, greedy and beam search alike."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from asr.config import AttentionConfig, DecoderConfig, nearest
from asr.errors import RecipeError
from asr.model.attention import ATTENTIONS
from asr.model.attention_base import Memory
from asr.model.decoder_loop import (
    Cell,
    DecoderState,
    advance,
    initial_state,
    read_tokens,
)
from asr.model.masks import sequence_mask
from asr.tensors import Tensor


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
        training: Whether dropout is active.

    Returns:
        Logits of the next token, (B, U, V) float32, and attention weights, (B, U, S).

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
        **kwargs: Any,  # noqa: ANN401 - Keras layer arguments
    ) -> None:
        super().__init__(dtype="float32", **kwargs)
        if attention.kind not in ATTENTIONS:
            hint = nearest(attention.kind, list(ATTENTIONS))
            raise RecipeError(f"model.attention.kind: unknown {attention.kind!r}{hint}")
        self.config = config
        self.vocabulary = vocabulary
        self.attention = ATTENTIONS[attention.kind](attention, name="attention")
        self.embedding = keras.layers.Embedding(
            vocabulary, config.embedding, dtype="float32", name="embedding"
        )
        self.bridge = keras.layers.Dense(
            config.units, activation="tanh", dtype="float32", name="bridge"
        )
        self.output_layer = keras.layers.Dense(
            vocabulary, dtype="float32", name="logits"
        )
        self.dropout = keras.layers.Dropout(config.dropout, seed=seed, dtype="float32")
        self.embedding_dropout = keras.layers.Dropout(
            config.embedding_dropout, seed=seed + 1, dtype="float32"
        )
        self.random = keras.random.SeedGenerator(seed + 2)

    def build(self, tokens_shape: Any, memory_shape: Any, *_: Any) -> None:  # noqa: ANN401 - Keras shapes
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
        self.output_layer.build((None, None, units))

    def compute_output_spec(self, tokens: Any, memory: Any, *_: Any, **__: Any) -> Any:  # noqa: ANN401 - Keras signature
        """Return symbolic outputs without tracing the loop."""
        return (
            keras.KerasTensor((*tokens.shape, self.vocabulary)),
            keras.KerasTensor((*tokens.shape, memory.shape[1])),
        )

    def prepare(self, memory: Tensor, memory_lengths: Tensor) -> Memory:
        """Compute what all steps share; see `Attention.prepare`."""
        mask = sequence_mask(memory_lengths, ops.shape(memory)[1])
        return self.attention.prepare(memory, mask)

    def initial_state(self, memory: Memory, beam: int = 1) -> DecoderState:
        """Return the state before the first step for K hypotheses."""
        return initial_state(self._cell(), self.attention, memory, beam)

    def step(
        self,
        tokens: Tensor,
        state: DecoderState,
        memory: Memory,
    ) -> tuple[Any, DecoderState]:
        """Read one token of each hypothesis.

        Args:
            tokens: Previous tokens, (B, K) int32.
            state: State before it.
            memory: What `prepare` returned.

        Returns:
            Logits of the next token, (B, K, V), and the state after it.
        """
        projected = self._project(self.embedding(tokens))
        state, _ = advance(self._cell(), self.attention, projected, state, memory)
        return self._logits(state.hidden, state.context, training=False), state

    def call(
        self,
        tokens: Tensor,
        memory: Tensor,
        memory_lengths: Tensor,
        training: bool = False,
    ) -> tuple[Any, Any]:
        """See the class."""
        prepared = self.prepare(memory, memory_lengths)
        embedded = self.embedding_dropout(self.embedding(tokens), training=training)
        projected = ops.transpose(self._project(embedded), (1, 0, 2))
        keep = None
        if training:
            batch, frames, _ = ops.shape(memory)
            shape = (ops.shape(tokens)[1], batch, frames)
            dropout = self.config.attention_dropout
            keep = self.attention.noise(shape, dropout, self.random)
        outputs = read_tokens(self._cell(), self.attention, projected, prepared, keep)
        hidden, context, weights = (
            ops.transpose(output, (1, 0, 2)) for output in outputs
        )  # (B, U, ...)
        return self._logits(hidden, context, training=training), weights

    def _cell(self) -> Cell:
        # Slices, since a custom gradient must not see TensorFlow's variables.
        return Cell(self.context_kernel[:], self.recurrent_kernel[:], self.bias[1])

    def _project(self, embedded: Tensor) -> Tensor:
        return ops.matmul(embedded, self.embedding_kernel) + self.bias[0]

    def _logits(self, hidden: Tensor, context: Tensor, *, training: bool) -> Tensor:
        both = self.bridge(ops.concatenate([hidden, context], axis=-1))
        return self.output_layer(self.dropout(both, training=training))
