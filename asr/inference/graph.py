"""Encoder and search as one compiled graph, for training and for transcription."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import keras
import numpy as np
from keras import ops

from asr.arrays import pad_rows
from asr.config.schema import DecodingConfig
from asr.decoding import ctc_prefix
from asr.decoding.automata import Automaton
from asr.decoding.beam_search import Hypotheses, Tokens, beam_search
from asr.decoding.greedy import greedy_search
from asr.decoding.scorers import WordScorer
from asr.model.ops import sequence_mask
from asr.model.seq2seq import Seq2Seq


class DecodedBatch(NamedTuple):
    """What is known of a batch of sources; arrays.

    Attributes:
        hypotheses: What the search found.
        ctc: Log probabilities by CTC of each source, (R, V); empty without a CTC head.
    """

    hypotheses: Hypotheses
    ctc: list[np.ndarray]


class BeamSearchDecoder(keras.Model):
    """Encoder and search as one compiled graph on any backend.

    Args:
        model: The network; its weights are shared, not copied.
        special: Start and end symbols.
        config: Beam, weights and thresholds. A beam of 1 without CTC and automata is
            greedy search.
        automata: What else scores tokens, such as a language model; that of
            `config.prefix` is the last.

    Call arguments:
        inputs: `source` (B, N) float32, `source_lengths` (B,) int32 and, with automata,
            `starts`: the state in which each begins, (B, A) int32.

    Returns:
        A dict of the fields of `Hypotheses` and, from a model with a CTC head,
        `ctc_log_probs` (B, R, V) and `ctc_lengths` (B,).
    """

    def __init__(
        self,
        model: Seq2Seq,
        special: Tokens,
        config: DecodingConfig,
        automata: Sequence[Automaton | WordScorer] = (),
    ) -> None:
        # float32 also where a mixed policy trains: it would cast the decoder's weights.
        super().__init__(name="search", dtype="float32")
        self.model = model
        self.special = special
        self.config = config
        self.starts = np.array([automaton.start for automaton in automata], np.int32)
        self.guides = [automaton.guide(self._table) for automaton in automata]
        # Where a prefix no longer binds.
        prefix = [it for it in automata[-1:] if isinstance(it, Automaton)]
        self.free = len(prefix[0].scores) - 1 if config.prefix and prefix else 0
        self.built = True

    def _table(self, values: np.ndarray) -> keras.Variable:
        return self.add_weight(
            shape=values.shape,
            dtype=values.dtype.name,
            initializer=lambda *_, **__: ops.convert_to_tensor(values),
            trainable=False,
        )

    def call(self, inputs: dict[str, Any]) -> dict[str, Any]:
        """See the class."""
        encoded, prepared, log_probs = self.model.encode(
            inputs["source"], inputs["source_lengths"]
        )
        decoder, config = self.model.decoder, self.config
        state = decoder.initial_state(prepared, config.beam_size)

        def step(tokens: Any, state: Any) -> tuple[Any, Any]:
            return decoder.step(tokens, state, prepared)

        # CTC puts at most one label on a frame, and attention does well to do the same
        # where it reads speech.
        limits = self._limit(encoded.state_lengths)
        longest = self._limit(ops.shape(encoded.states)[1])
        joint = log_probs is not None and config.ctc_weight > 0
        heard = {}
        if log_probs is not None:
            lengths = encoded.state_lengths
            heard = {"ctc_log_probs": log_probs, "ctc_lengths": lengths}
        plain = not (config.length_penalty or joint or self.guides)
        if config.beam_size == 1 and plain:
            found = greedy_search(step, state, limits, self.special, longest=longest)
            return found._asdict() | heard
        if joint and config.ctc_weight == 1:  # no need to ask the decoder
            state = ops.zeros((ops.shape(log_probs)[0], config.beam_size))

            def step(tokens: Any, state: Any) -> tuple[Any, Any]:
                return ops.zeros((*ops.shape(tokens), log_probs.shape[-1])), state

        frames = None
        if joint:
            mask = sequence_mask(encoded.state_lengths, ops.shape(log_probs)[1])
            frames = ctc_prefix.pad_frames(log_probs, mask)
        found = beam_search(
            step,
            state,
            limits,
            self.special,
            config,
            ctc_log_probs=frames,
            guides=[
                (guide, inputs["starts"][:, place])
                for place, guide in enumerate(self.guides)
            ],
            longest=longest,
        )
        return found._asdict() | heard

    def _limit(self, states: Any) -> Any:
        """Return the longest hypothesis of so many states of the encoder."""
        config = self.config
        if isinstance(states, int):
            return math.ceil(config.length_ratio * states) + config.length_extra
        limit = ops.ceil(config.length_ratio * ops.cast(states, "float32"))
        return ops.cast(limit, "int32") + config.length_extra

    def hypotheses(self, sources: Sequence[np.ndarray]) -> Hypotheses:
        """Search a batch of sources, (N,) each; arrays come back."""
        return self.found(sources).hypotheses

    def found(
        self,
        sources: Sequence[np.ndarray],
        begins: Sequence[bool] | None = None,
        *,
        width: int = 0,
    ) -> DecodedBatch:
        """Search a batch of sources, and tell what CTC makes of them.

        Args:
            sources: (N,) each.
            begins: Whether each begins a text, so that a prefix binds it; all do if not
                given.
            width: Length to pad sources to; that of the longest if it is longer.
        """
        inputs = inputs_of(sources, width)
        if self.guides:
            inputs["starts"] = np.tile(self.starts, (len(sources), 1))
            if self.config.prefix and begins is not None:
                inputs["starts"][~np.array(begins), -1] = self.free
        if self.predict_function is None:
            compile_for_all_shapes(self, inputs)
        found = self.predict_on_batch(inputs)
        frames = found.pop("ctc_log_probs", ())
        counts = found.pop("ctc_lengths", ())
        heard = [row[:count] for row, count in zip(frames, counts, strict=True)]
        return DecodedBatch(Hypotheses(**found), heard)


def inputs_of(sources: Sequence[np.ndarray], width: int = 0) -> dict[str, np.ndarray]:
    """Return `source` (B, N) and `source_lengths` (B,) of sources, (N,) each.

    Args:
        sources: What is to be read.
        width: Length to pad them to; that of the longest if it is longer.
    """
    lengths = np.array([len(source) for source in sources], dtype="int32")
    source = pad_rows(sources, max(width, int(lengths.max())), "float32")
    return {"source": source, "source_lengths": lengths}


def _open(value: np.ndarray) -> tuple[int | None, ...]:
    """Return a shape that leaves all open but the size of real vectors."""
    vectors = value.ndim > 2 and value.dtype.kind == "f"
    return (None,) * (value.ndim - vectors) + value.shape[value.ndim - vectors :]


def compile_for_all_shapes(model: keras.Model, inputs: dict[str, np.ndarray]) -> None:
    """Have TensorFlow compile for all shapes, not for the first and then again.

    A graph takes seconds to compile, and tens of megabytes.
    """
    if keras.backend.backend() != "tensorflow":
        return
    import tensorflow as tf  # noqa: PLC0415 - only where it is the backend

    model.make_predict_function()
    shapes = {
        name: tf.TensorSpec(_open(value), value.dtype) for name, value in inputs.items()
    }
    model.predict_function.get_concrete_function([(shapes,)])
