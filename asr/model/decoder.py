"""Attention decoder: one `step` for training, greedy and beam search alike."""

from __future__ import annotations

from typing import Any, NamedTuple

import keras
from keras import ops

from asr.config import AttentionConfig, DecoderConfig, nearest
from asr.errors import RecipeError
from asr.model.attention import ATTENTIONS, AttentionMemory
from asr.model.loops import branch, scan
from asr.model.masks import sequence_mask
from asr.model.recurrent import gru_step
from asr.tensors import Tensor


class DecoderState(NamedTuple):
    """What one step hands to the next, for K hypotheses of each utterance.

    Attributes:
        hidden: State of the GRU, (B, K, H).
        context: What attention returned last, (B, K, D).
        attention: State of the attention; for Bahdanau's the sum of the weights so
            far, (B, K, S).
    """

    hidden: Tensor
    context: Tensor
    attention: Tensor


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

    def prepare(self, memory: Tensor, memory_lengths: Tensor) -> AttentionMemory:
        """Compute what all steps share; see `BahdanauAttention.prepare`."""
        mask = sequence_mask(memory_lengths, ops.shape(memory)[1])
        return self.attention.prepare(memory, mask)

    def initial_state(self, memory: AttentionMemory, beam: int = 1) -> DecoderState:
        """Return the state before the first step for K hypotheses."""
        attention = self.attention.initial_state(memory, beam)
        none = ops.zeros_like(attention[:, :, :1])  # (B, K, 1)
        return DecoderState(
            hidden=ops.tile(none, (1, 1, self.config.units)),
            context=ops.tile(none, (1, 1, memory.values.shape[-1])),
            attention=attention,
        )

    def step(
        self,
        tokens: Tensor,
        state: DecoderState,
        memory: AttentionMemory,
    ) -> tuple[Any, DecoderState]:
        """Read one token of each hypothesis.

        Args:
            tokens: Previous tokens, (B, K) int32.
            state: State before it.
            memory: What `prepare` returned.

        Returns:
            Logits of the next token, (B, K, V), and the state after it.
        """
        state, _ = self._advance(self._project(self.embedding(tokens)), state, memory)
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
        steps = [ops.transpose(self._project(embedded), (1, 0, 2))[:, :, None]]
        if training and self.config.attention_dropout:
            shape = (
                ops.shape(tokens)[1],
                ops.shape(memory)[0],
                1,
                ops.shape(memory)[1],
            )
            ones = ops.ones(shape)
            rate = self.config.attention_dropout
            steps.append(keras.random.dropout(ones, rate, seed=self.random))

        def advance(state: DecoderState, inputs: list[Any]) -> tuple[DecoderState, Any]:
            state, weights = self._advance(inputs[0], state, prepared, *inputs[1:])
            return state, DecoderState(state.hidden, state.context, weights)

        start = self.initial_state(prepared)
        _, outputs = scan(advance, start, steps)
        hidden, context, weights = (
            ops.transpose(output[:, :, 0], (1, 0, 2)) for output in outputs
        )  # (B, U, ...)
        return self._logits(hidden, context, training=training), weights

    def _project(self, embedded: Tensor) -> Tensor:
        return ops.matmul(embedded, self.embedding_kernel) + self.bias[0]

    def _advance(
        self,
        projected: Tensor,
        state: DecoderState,
        memory: AttentionMemory,
        keep: Tensor = None,
    ) -> tuple[DecoderState, Any]:
        inputs = projected + ops.matmul(state.context, self.context_kernel)
        hidden = gru_step(inputs, state.hidden, self.recurrent_kernel, self.bias[1])
        context, weights, attention = self.attention.attend(
            hidden, memory, state.attention, keep
        )
        return DecoderState(branch(hidden), context, attention), weights

    def _logits(self, hidden: Tensor, context: Tensor, *, training: bool) -> Tensor:
        both = self.bridge(ops.concatenate([hidden, context], axis=-1))
        return self.output_layer(self.dropout(both, training=training))
