"""Beam search by tokens: the network with CTC and external scorers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from asr.config.schema import DecodingConfig
from asr.decoding.beam_search import Hypotheses, Tokens, WeightedScorer, beam_search
from asr.decoding.ctc_prefix import CTCPrefixScorer, pad_frames
from asr.decoding.greedy import greedy_search
from asr.decoding.scorers import Automaton, WordScorer
from asr.runtime.network import Encoded, Network


class DecodedBatch(NamedTuple):
    """Results for a batch of sources.

    Attributes:
        hypotheses: Results of the search.
        ctc: CTC log probabilities of each source, (R, V); empty without a CTC head.
    """

    hypotheses: Hypotheses
    ctc: list[np.ndarray]


class BeamSearchDecoder:
    """Encoder and beam search.

    Args:
        network: The network.
        special: Start and end symbols.
        config: Beam size, weights and limits. A beam of 1 without CTC and other scorers
            is greedy search.
        scorers: Scorers beside the decoder, such as a language model; that of
            `config.prefix` is the last.
    """

    def __init__(
        self,
        network: Network,
        special: Tokens,
        config: DecodingConfig,
        scorers: Sequence[Automaton | WordScorer] = (),
    ) -> None:
        self.network, self.special, self.config = network, special, config
        self.scorers = list(scorers)

    def hypotheses(self, sources: Sequence[np.ndarray]) -> Hypotheses:
        """Decode a batch of sources, (N,) each."""
        return self.decode(sources).hypotheses

    def decode(
        self, sources: Sequence[np.ndarray], is_first: Sequence[bool] | None = None
    ) -> DecodedBatch:
        """Decode a batch of sources, and return their CTC log probabilities as well.

        Args:
            sources: Sources, (N,) each.
            is_first: True where a source begins a text, so that a prefix binds it; all
                do if not given.
        """
        encoded = self.network.encode(sources)
        return DecodedBatch(self._search(encoded, is_first), encoded.ctc_rows())

    def _search(self, encoded: Encoded, is_first: Sequence[bool] | None) -> Hypotheses:
        config, network, size = self.config, self.network, self.config.beam_size
        # CTC puts at most one label on a frame, and attention rarely needs more.
        limits = np.ceil(config.length_ratio * encoded.state_lengths).astype(np.int32)
        limits += config.length_extra
        ctc_weight = 0.0 if encoded.ctc is None else config.ctc_weight
        state: Any = {}

        def step(tokens: np.ndarray, state: Any) -> tuple[np.ndarray, Any]:
            return network.step(tokens, state, encoded)[::2]

        if ctc_weight == 1:  # the decoder has no part in the score: do not run it
            vocabulary = encoded.ctc.shape[-1] if encoded.ctc is not None else 0

            def step(tokens: np.ndarray, state: Any) -> tuple[np.ndarray, Any]:
                return np.zeros((*tokens.shape, vocabulary), np.float32), state

        else:
            state = network.initial_state(encoded, size)
        scorers = self._weighted_scorers(encoded, ctc_weight, is_first)
        if size == 1 and not config.length_penalty and not scorers:
            return greedy_search(step, state, limits, self.special)
        return beam_search(
            step,
            state,
            limits,
            self.special,
            config,
            scorers=scorers,
            weight=1.0 - ctc_weight,
        )

    def _weighted_scorers(
        self, encoded: Encoded, ctc_weight: float, is_first: Sequence[bool] | None
    ) -> list[WeightedScorer]:
        """Return the scorers of this batch in their initial states, CTC last."""
        shape = len(encoded.state_lengths), self.config.beam_size
        scorers = []
        for scorer in self.scorers:
            starts = np.full(shape, scorer.start, np.int32)
            if self.config.prefix and scorer is self.scorers[-1] and is_first:
                # The last state of the prefix automaton allows all tokens.
                starts[~np.array(is_first)] = len(scorer.scores) - 1  # type: ignore[union-attr]
            scorers.append(WeightedScorer(scorer, scorer.initial_state(starts)))
        if ctc_weight and encoded.ctc is not None:
            frames = np.arange(encoded.ctc.shape[1])
            mask = frames < encoded.state_lengths[:, None]
            ctc = CTCPrefixScorer(pad_frames(encoded.ctc, mask), self.special.end)
            state = ctc.initial_state(np.zeros(shape, np.int32))
            scorers.append(WeightedScorer(ctc, state, ctc_weight))
        return scorers
