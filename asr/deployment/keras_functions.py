"""The Keras model as functions from tensors to tensors, for formats of TensorFlow."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import tensorflow as tf
from keras import ops

from asr.deployment.contents import Signature, Tensor, sizes
from asr.errors import UsageError
from asr.model.attention import Memory
from asr.model.decoder_cell import (
    DecoderInputs,
    DecoderOutputs,
    DecoderState,
    advance,
)
from asr.model.ops import sequence_mask
from asr.storage.keras_model import build, start_from
from asr.storage.model_folder import LoadedModel

Named = dict[str, Any]
"""Tensors by name."""

STATE = ("hidden", "context", "attention")
_NEVER = -1e9
_SHAPES: dict[str, tuple[int | str, ...]] = {
    "state_lengths": ("B",),
    "ctc": ("B", "R", "V"),
    "phone_logits": ("B", "R", "P"),
    "memory": ("B", "S", "D"),
    "memory_lengths": ("B",),
    "log_probs": ("B", "K", "V"),
    "weights": ("B", 1, "S"),
    "hidden": ("B", "K", "H"),
    "context": ("B", "K", "D"),
    "attention": ("B", "K", "n"),
    "tokens": ("B", "L"),
    "lengths": ("B",),
    "scores": ("B",),
}


@dataclass(frozen=True)
class Function:
    """A function that a format holds.

    Attributes:
        name: Its name.
        use: What it computes.
        call: From named inputs to named outputs.
        inputs: What it takes; letters are open sizes.
    """

    name: str
    use: str
    call: Callable[..., Named]
    inputs: tuple[Tensor, ...]

    def concrete(self) -> Any:
        """Return the traced function, with its inputs by name."""
        specs = [
            tf.TensorSpec(
                [size if isinstance(size, int) else None for size in it.shape],
                it.dtype,
                name=it.name,
            )
            for it in self.inputs
        ]
        names = [it.name for it in self.inputs]
        # Positions: a signature of keywords alone would sort them.
        return tf.function(
            lambda *values: self.call(**dict(zip(names, values, strict=True))),
            autograph=False,
        ).get_concrete_function(*specs)

    def signature(self, outputs: Named, known: dict[str, int | str]) -> Signature:
        """Return the description of the function.

        Args:
            outputs: What it gives; only types are read.
            known: Sizes that the letters of outputs stand for.
        """

        def shape(name: str) -> tuple[int | str, ...]:
            letters = _SHAPES[name.removeprefix("next_")]
            return tuple(
                known.get(size, size) if isinstance(size, str) else size
                for size in letters
            )

        found = tuple(
            Tensor(name, tensor.dtype.name, shape(name))
            for name, tensor in outputs.items()
        )
        return Signature(self.name, self.use, self.inputs, found)


class KerasFunctions:
    """Functions of a model folder.

    Args:
        folder: The model folder.
        loaded: Its content.

    Attributes:
        model: The network.

    Raises:
        UsageError: Keras runs on another backend than TensorFlow.
    """

    def __init__(self, folder: Path, loaded: LoadedModel) -> None:
        backend = keras.backend.backend()
        if backend != "tensorflow":
            raise UsageError(
                f"this format needs Keras on TensorFlow, got {backend}; "
                "unset KERAS_BACKEND"
            )
        self._loaded = loaded
        self._config = loaded.config.model
        self.known = sizes(loaded)
        self.model = build(loaded.task)
        start_from(self.model, loaded.task, folder)

    def encoder_outputs(self, features: Any, lengths: Any) -> Named:
        """Return what a program needs of the encoder."""
        encoded = self.model.encoder(features, lengths)
        if not self._config.decoder.attends:
            every = ops.zeros_like(encoded.memory[..., 0], "int32")
            labels = self._config.decoder.kind == "labels"
            logits, weights = self.model.decoder(
                every if labels else every[:, :1],
                encoded.memory,
                encoded.memory_lengths,
            )
            log_probs = {"log_probs": ops.log_softmax(logits, axis=-1)}
            return log_probs if labels else log_probs | {"weights": weights}
        outputs = {
            "state_lengths": encoded.state_lengths,
            "memory": encoded.memory,
            "memory_lengths": encoded.memory_lengths,
        }
        for name, head in self.model.heads.items():
            logits = head(encoded.states)
            if name == "ctc":
                outputs["ctc"] = ops.log_softmax(logits, axis=-1)
            else:
                outputs[head.output] = logits
        return outputs

    def encode(self, source: Any, source_lengths: Any) -> Named:
        """Encode samples or tokens (B, N)."""
        features, lengths = self.model.frontend(source, source_lengths)
        return self.encoder_outputs(features, lengths)

    def step(
        self,
        tokens: Any,
        memory: Any,
        memory_lengths: Any,
        source: Any = None,
        **state: Any,
    ) -> Named:
        """Read one token of each hypothesis, (B, K)."""
        prepared = self._prepared(memory, memory_lengths)
        logits, after = self._advance(tokens, DecoderState(**state), prepared, source)
        following = zip(STATE, after, strict=True)
        return {
            "log_probs": ops.log_softmax(logits, axis=-1),
            **{f"next_{name}": value for name, value in following},
        }

    def _prepared(self, memory: Any, memory_lengths: Any) -> Memory:
        """Project the memory for the attention."""
        mask = sequence_mask(memory_lengths, ops.shape(memory)[1])
        return self.model.decoder.attention.prepare(memory, mask)

    def _advance(
        self, tokens: Any, state: DecoderState, memory: Memory, source: Any
    ) -> tuple[Any, DecoderState]:
        """Read one token of each hypothesis; return logits and the state after it."""
        decoder = self.model.decoder
        projected = decoder.project(decoder.embedding(tokens))
        inputs = DecoderInputs(decoder.cell, projected, memory)
        state, weights = advance(decoder.attention, inputs, state)
        output = decoder.cell.output(state.hidden)
        outputs = DecoderOutputs(output, state.context, weights)
        return decoder.logits(outputs, source), state

    def _start(self, memory: Memory) -> DecoderState:
        """Return the state before the first step of one hypothesis."""
        decoder, (batch, _, width) = self.model.decoder, ops.shape(memory.values)
        return DecoderState(
            hidden=ops.zeros((batch, 1, decoder.config.state_units)),
            context=ops.zeros((batch, 1, width)),
            attention=decoder.attention.initial_state(memory, 1),
        )

    def step_inputs(self, batch: int | str, beam: int | str) -> tuple[Tensor, ...]:
        """Return the inputs of `step`."""
        known = {**self.known, "B": batch, "K": beam}

        def tensor(name: str, dtype: str, *shape: str) -> Tensor:
            return Tensor(name, dtype, tuple(known.get(size, size) for size in shape))

        inputs = [
            tensor("tokens", "int32", "B", "K"),
            *(tensor(name, "float32", *map(str, _SHAPES[name])) for name in STATE),
            tensor("memory", "float32", "B", "S", "D"),
            tensor("memory_lengths", "int32", "B"),
        ]
        if self._config.decoder.copy:
            inputs.append(tensor("source", "int32", "B", "S"))
        return tuple(inputs)

    def greedy(self, source: Any, source_lengths: Any) -> Named:
        """Find the text of each source; see `asr.decoding.greedy`."""
        model, task = self.model, self._loaded.task
        decoding = self._loaded.config.decoding
        encoded = model.encoder(*model.frontend(source, source_lengths))
        prepared = self._prepared(encoded.memory, encoded.memory_lengths)
        # In float64, as the search of `asr` has it.
        states = tf.cast(encoded.state_lengths, "float64")
        limits = tf.cast(tf.math.ceil(decoding.length_ratio * states), "int32")
        limits = limits + decoding.length_extra
        places = tf.range(tf.reduce_max(limits))
        special = tf.one_hot([0, task.start], task.vocabulary, _NEVER, 0.0)
        forbidden = tf.reduce_sum(special, axis=0)
        not_end = tf.one_hot(task.end, task.vocabulary, 0.0, _NEVER)

        def body(
            time: Any, last: Any, alive: Any, found: tuple[Any, Any, Any], state: Any
        ) -> tuple[Any, ...]:
            tokens, lengths, scores = found
            logits, state = self._advance(last[:, None], state, prepared, source)
            log_probs = ops.log_softmax(logits, axis=-1)[:, 0] + forbidden
            full = (limits <= time)[:, None]
            log_probs = tf.where(full, log_probs + not_end, log_probs)
            best = tf.argmax(log_probs, axis=-1, output_type="int32")
            scores += tf.where(alive, tf.reduce_max(log_probs, axis=-1), 0.0)
            alive = alive & (best != task.end)
            here = alive[:, None] & (places == time)
            found = (
                tf.where(here, best[:, None], tokens),
                lengths + tf.cast(alive, "int32"),
                scores,
            )
            return time + 1, best, alive, found, state

        nothing = tf.zeros_like(limits)
        start = (
            tf.constant(0),
            nothing + task.start,
            limits >= 0,
            (nothing[:, None] + 0 * places, nothing, tf.cast(nothing, "float32")),
            self._start(prepared),
        )
        *_, (tokens, lengths, scores), _ = tf.while_loop(
            lambda *values: tf.reduce_any(values[2]), body, start
        )
        return {"tokens": tokens, "lengths": lengths, "scores": scores}
