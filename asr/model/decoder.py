"""Attention decoder over known tokens: teacher forcing."""

from __future__ import annotations

import dataclasses
from typing import Any

import keras
from keras import ops

from asr.arrays import Tensor
from asr.config.schema import DecoderConfig, ModelConfig
from asr.model.attention import Attention
from asr.model.attention_variants import build_attention
from asr.model.batch_share import Dropout, draw
from asr.model.decoder_cell import Cell, DecoderInputs, DecoderOutputs
from asr.model.kernels.decoder_scan import scan_tokens
from asr.model.lstm_cell import lstm_bias
from asr.model.ops import both_ends, sequence_mask, serializable
from asr.model.pointer_generator import mixture

CELLS = {"gru": 3, "lstm": 4}
"""Gates of each kind of cell, counting the candidate."""


@serializable
class AttentionDecoder(keras.layers.Layer):
    """Recurrent cell over the previous tokens and contexts, with attention.

    s_i = GRU(s_(i-1), [embedding(y_(i-1)), c_(i-1)]), c_i = attention(s_i, memory), and
    the logits are a function of s_i and c_i. It runs in float32 under mixed precision.
    It starts from zeros, or from tanh(W [m_1; m_S]), both ends of the memory.

    Args:
        vocabulary: Number of tokens.
        attention: Attention over the memory.
        seed: Seed of the dropout.
        options: Fields of `asr.config.schema.DecoderConfig`, as `units=128`, and
            arguments of every Keras layer.

    Raises:
        ValueError: There is no such cell.

    Call arguments:
        tokens: Previous tokens, the start symbol first, (B, U) int32.
        memory: Encoder output, (B, S, D).
        mask: True at real frames, (B, S) bool; by default the mask that the memory
            carries, or all of them.
        source: Tokens behind the memory frames, (B, S) int32; only for copying.
        training: Whether dropout is active.

    Returns:
        Logits of the next token (log probabilities where it may copy), (B, U, V)
        float32, and attention weights, (B, U, S).

    Reference:
        W. Chan et al., Listen, Attend and Spell, ICASSP 2016, section 2.2.
    """

    def __init__(
        self, vocabulary: int, attention: Attention, *, seed: int = 0, **options: Any
    ) -> None:
        names = {field.name for field in dataclasses.fields(DecoderConfig)}
        sizes = DecoderConfig(**{k: options.pop(k) for k in names & options.keys()})
        super().__init__(**{**options, "dtype": "float32"})
        if sizes.kind not in CELLS:
            raise ValueError(f"kind must be one of {tuple(CELLS)}, got {sizes.kind!r}")
        self.supports_masking = True
        self.config, self.vocabulary, self.seed = sizes, vocabulary, seed
        self.attention = attention
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
        self.dropout = Dropout(sizes.dropout, seed=seed, dtype="float32")
        self.embedding_dropout = Dropout(
            sizes.embedding_dropout, seed=seed + 1, dtype="float32"
        )
        self.random = keras.random.SeedGenerator(seed + 2)
        if sizes.start == "encoder":
            self.start_layer = layers.Dense(
                sizes.state_units, activation="tanh", name="start", **exact
            )

    def build(self, tokens_shape: Any, memory_shape: Any) -> None:
        """Create the weights."""
        units, width, add = self.config.units, memory_shape[-1], self.add_weight
        wide = CELLS[self.config.kind] * units
        self.embedding.build(tokens_shape)
        shape = self.config.embedding, wide
        self.embedding_kernel = add(shape, name="embedding_kernel")
        self.context_kernel = add((width, wide), name="context_kernel")
        self.recurrent_kernel = add(
            (units, wide), "orthogonal", name="recurrent_kernel"
        )
        initial = lstm_bias if self.config.kind == "lstm" else "zeros"
        self.bias = add((2, wide), initial, name="bias")
        if not self.attention.built:  # a loaded one is
            self.attention.build((None, None, units), memory_shape)
        self.bridge.build((None, None, units + width))
        if self.config.tied:
            self.output_bias = add((self.vocabulary,), "zeros", name="output_bias")
        else:
            self.output_layer.build((None, None, units))
        if self.config.copy:
            self.gate.build((None, None, units + width))
        if self.config.start == "encoder":
            self.start_layer.build((None, None, 2 * width))

    def get_config(self) -> dict[str, Any]:
        """Return the arguments of the layer."""
        return {
            **super().get_config(),
            "vocabulary": self.vocabulary,
            "attention": keras.saving.serialize_keras_object(self.attention),
            "seed": self.seed,
            **vars(self.config),
        }

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Any:
        """Build the layer from `get_config`."""
        attention = keras.saving.deserialize_keras_object(config["attention"])
        return cls(**{**config, "attention": attention})

    def compute_mask(self, tokens: Any, previous_mask: Any = None) -> Any:  # noqa: ARG002 - Keras signature
        """Return the mask of the logits: that of the tokens."""
        return getattr(tokens, "_keras_mask", None)

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
        mask: Tensor = None,
        source: Tensor = None,
        training: bool = False,
        memory_mask: Tensor = None,
    ) -> tuple[Any, Any]:
        """See the class; Keras hands in the memory's own mask as `memory_mask`."""
        if mask is None:
            mask = memory_mask
        if mask is None:
            mask = ops.ones(ops.shape(memory)[:2], "bool")
        return self.decode(tokens, memory, ops.cast(mask, "bool"), source, training)

    def decode(
        self,
        tokens: Tensor,
        memory: Tensor,
        mask: Tensor,
        source: Tensor = None,
        training: bool = False,
    ) -> tuple[Any, Any]:
        """Return logits and weights; see the class."""
        batch, frames, _ = ops.shape(memory)
        prepared = self.attention.prepare(memory, mask)
        embedded = self.embedding_dropout(self.embedding(tokens), training=training)
        dropout_mask = None
        if training:
            shape = (ops.shape(tokens)[1], batch, frames)
            dropout = self.config.attention_dropout
            dropout_mask = draw(
                lambda whole: self.attention.noise(whole, dropout, self.random),
                shape,
                axis=1,
            )
        projected = ops.transpose(self.project(embedded), (1, 0, 2))
        start = self.start(memory, mask)
        outputs = scan_tokens(
            self.attention,
            DecoderInputs(self.cell, projected, prepared, dropout_mask, start),
        )
        outputs = DecoderOutputs(*(ops.transpose(it, (1, 0, 2)) for it in outputs))
        return self.logits(outputs, source, training), outputs.weights

    @property
    def cell(self) -> Cell:
        """Weights of the GRU or LSTM."""
        # Slices: a custom gradient must not capture TensorFlow variables.
        return Cell(self.context_kernel[:], self.recurrent_kernel[:], self.bias[1])

    def project(self, embedded: Tensor) -> Any:
        """Project embedded tokens into the cell, (B, U, E) -> (B, U, 3H)."""
        return ops.matmul(embedded, self.embedding_kernel) + self.bias[0]

    def start(self, memory: Tensor, mask: Tensor) -> Any:
        """Return the state of the cell before the first token, (B, n); None is 0."""
        if self.config.start == "zeros":
            return None
        return ops.squeeze(self.start_layer(both_ends(memory, mask)), 1)

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


class Decoder(AttentionDecoder):
    """The decoder of a recipe, which knows the memory's mask by its lengths.

    Args:
        config: Its `decoder` has sizes and dropout, its `attention` kind and sizes.
        vocabulary: Number of tokens.
        seed: Seed of the dropout.

    Raises:
        RecipeError: The kind of attention is unknown.

    Call arguments and returns: see `AttentionDecoder`, but `memory_lengths`, the real
        frames of each, (B,) int32, in the place of the mask.
    """

    def __init__(
        self, config: ModelConfig, vocabulary: int, *, seed: int = 0, **kwargs: Any
    ) -> None:
        attention = build_attention(config.attention)
        sizes = {**vars(config.decoder), **kwargs}
        super().__init__(vocabulary, attention, seed=seed, **sizes)

    def call(  # type: ignore[override]  # lengths are what the network carries
        self,
        tokens: Tensor,
        memory: Tensor,
        memory_lengths: Tensor,
        source: Tensor = None,
        training: bool = False,
    ) -> tuple[Any, Any]:
        """See the class."""
        mask = sequence_mask(memory_lengths, ops.shape(memory)[1])
        return self.decode(tokens, memory, mask, source, training)
