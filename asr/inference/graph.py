"""Encoder and beam search as one compiled graph, for training and transcription."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import keras
import numpy as np
from keras import ops

from asr.arrays import pad_rows
from asr.config.schema import DecodingConfig
from asr.decoding.automata import Automaton
from asr.decoding.beam_search import Hypotheses, Tokens, WeightedScorer, beam_search
from asr.decoding.ctc_prefix import CTCPrefixScorer, pad_frames
from asr.decoding.greedy import greedy_search
from asr.decoding.scorers import WordScorer
from asr.model.ops import sequence_mask
from asr.model.seq2seq import Seq2Seq


class DecodedBatch(NamedTuple):
    """Results for a batch of sources; arrays.

    Attributes:
        hypotheses: Results of the search.
        ctc: CTC log probabilities of each source, (R, V); empty without a CTC head.
    """

    hypotheses: Hypotheses
    ctc: list[np.ndarray]


class BeamSearchDecoder(keras.Model):
    """Encoder and beam search as one compiled graph on any backend.

    Args:
        model: The network; its weights are shared, not copied.
        special: Start and end symbols.
        config: Beam size, weights and limits. A beam of 1 without CTC and other scorers
            is greedy search.
        automata: Scorers beside the decoder, such as a language model; that of
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
        self.scorers = [automaton.scorer(self._table) for automaton in automata]
        # State of the prefix automaton that allows all tokens.
        prefix = [last for last in automata[-1:] if isinstance(last, Automaton)]
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
        # CTC puts at most one label on a frame, and attention rarely needs more.
        limits = self._limit(encoded.state_lengths)
        longest = self._limit(ops.shape(encoded.states)[1])
        ctc = {}
        if log_probs is not None:
            lengths = encoded.state_lengths
            ctc = {"ctc_log_probs": log_probs, "ctc_lengths": lengths}
        ctc_weight = 0.0 if log_probs is None else config.ctc_weight
        state = decoder.initial_state(prepared, config.beam_size)

        def step(tokens: Any, state: Any) -> tuple[Any, Any]:
            return decoder.step(tokens, state, prepared)

        if ctc_weight == 1:  # the decoder has no part in the score: do not run it
            state = ops.zeros((ops.shape(log_probs)[0], config.beam_size))

            def step(tokens: Any, state: Any) -> tuple[Any, Any]:
                return ops.zeros((*ops.shape(tokens), log_probs.shape[-1])), state

        greedy = config.beam_size == 1 and not config.length_penalty
        if greedy and not ctc_weight and not self.scorers:
            hypotheses = greedy_search(
                step, state, limits, self.special, longest=longest
            )
            return hypotheses._asdict() | ctc
        scorers = self._weighted_scorers(inputs, ctc, ctc_weight)
        hypotheses = beam_search(
            step,
            state,
            limits,
            self.special,
            config,
            scorers=scorers,
            weight=1.0 - ctc_weight,
            longest=longest,
        )
        return hypotheses._asdict() | ctc

    def _weighted_scorers(
        self, inputs: dict[str, Any], ctc: dict[str, Any], ctc_weight: float
    ) -> list[WeightedScorer]:
        """Return the scorers of this batch in their initial states, CTC last."""
        size = self.config.beam_size
        scorers = []
        for index, scorer in enumerate(self.scorers):
            starts = ops.tile(inputs["starts"][:, index, None], (1, size))
            scorers.append(WeightedScorer(scorer, scorer.initial_state(starts)))
        if ctc_weight:
            log_probs, lengths = ctc["ctc_log_probs"], ctc["ctc_lengths"]
            mask = sequence_mask(lengths, ops.shape(log_probs)[1])
            ctc_scorer = CTCPrefixScorer(pad_frames(log_probs, mask), self.special.end)
            starts = ops.tile(ops.zeros_like(lengths)[:, None], (1, size))
            state = ctc_scorer.initial_state(starts)
            scorers.append(WeightedScorer(ctc_scorer, state, ctc_weight))
        return scorers

    def _limit(self, states: Any) -> Any:
        """Return the maximum tokens for a number of encoder states."""
        config = self.config
        if isinstance(states, int):
            return math.ceil(config.length_ratio * states) + config.length_extra
        limit = ops.ceil(config.length_ratio * ops.cast(states, "float32"))
        return ops.cast(limit, "int32") + config.length_extra

    def hypotheses(self, sources: Sequence[np.ndarray]) -> Hypotheses:
        """Decode a batch of sources, (N,) each; the result is in arrays."""
        return self.decode(sources).hypotheses

    def decode(
        self,
        sources: Sequence[np.ndarray],
        is_first: Sequence[bool] | None = None,
        *,
        width: int = 0,
    ) -> DecodedBatch:
        """Decode a batch of sources, and return their CTC log probabilities as well.

        Args:
            sources: Sources, (N,) each.
            is_first: True where a source begins a text, so that a prefix binds it; all
                do if not given.
            width: Length to pad sources to; that of the longest if it is longer.
        """
        inputs = inputs_of(sources, width)
        if self.scorers:
            inputs["starts"] = np.tile(self.starts, (len(sources), 1))
            if self.config.prefix and is_first is not None:
                inputs["starts"][~np.array(is_first), -1] = self.free
        outputs = predict(self, inputs)
        frames = outputs.pop("ctc_log_probs", ())
        counts = outputs.pop("ctc_lengths", ())
        ctc = [row[:count] for row, count in zip(frames, counts, strict=True)]
        return DecodedBatch(Hypotheses(**outputs), ctc)


def inputs_of(sources: Sequence[np.ndarray], width: int = 0) -> dict[str, np.ndarray]:
    """Return `source` (B, N) and `source_lengths` (B,) of sources, (N,) each.

    Args:
        sources: Samples or tokens.
        width: Length to pad sources to; that of the longest if it is longer.
    """
    lengths = np.array([len(source) for source in sources], dtype="int32")
    source = pad_rows(sources, max(width, int(lengths.max())), "float32")
    return {"source": source, "source_lengths": lengths}


def predict(model: keras.Model, inputs: dict[str, np.ndarray]) -> Any:
    """Run a compiled model on a batch; compile it at the first call."""
    if model.predict_function is None:
        _compile_for_all_shapes(model, inputs)
    return model.predict_on_batch(inputs)


def _open(value: np.ndarray) -> tuple[int | None, ...]:
    """Return a shape with unknown sizes, except the width of float vectors."""
    vectors = value.ndim > 2 and value.dtype.kind == "f"
    return (None,) * (value.ndim - vectors) + value.shape[value.ndim - vectors :]


def _compile_for_all_shapes(model: keras.Model, inputs: dict[str, np.ndarray]) -> None:
    """Make TensorFlow compile one graph for all shapes.

    By itself it compiles one for the first shape and another for the rest; each takes
    seconds, and tens of megabytes.
    """
    if keras.backend.backend() != "tensorflow":
        return
    import tensorflow as tf  # noqa: PLC0415 - only where it is the backend

    model.make_predict_function()
    shapes = {
        name: tf.TensorSpec(_open(value), value.dtype) for name, value in inputs.items()
    }
    model.predict_function.get_concrete_function([(shapes,)])
