"""Two-pass decoding: lexicon search with phones, then rescoring by attention."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from asr.arrays import pad_rows
from asr.config.schema import DecodingConfig
from asr.decoding.beam_search import Hypotheses, Tokens
from asr.decoding.lexicon_search import Hypothesis, LexiconSearch
from asr.decoding.scorers import NEVER
from asr.inference.beam_search_decoder import DecodedBatch
from asr.runtime.network import Encoded, Network


class RescoringDecoder:
    """Decodes with a CTC head of phones; used as `BeamSearchDecoder`.

    Args:
        network: The network, with a CTC head of phones.
        special: Start and end symbols.
        config: Beam size and weights.
        first_pass: Finds hypotheses by their phones.
        encode: Returns the tokens of a text.

    Reference:
        T. N. Sainath et al., Two-Pass End-to-End Speech Recognition, Interspeech 2019:
        the decoder rescores the hypotheses of a first pass.
    """

    def __init__(
        self,
        network: Network,
        special: Tokens,
        config: DecodingConfig,
        first_pass: LexiconSearch,
        encode: Callable[[str], list[int]],
    ) -> None:
        self.special, self.config = special, config
        self.first_pass, self.encode = first_pass, encode
        self.network = network

    def hypotheses(self, sources: Sequence[np.ndarray]) -> Hypotheses:
        """Decode a batch of sources, (N,) each."""
        return self.decode(sources).hypotheses

    def decode(
        self,
        sources: Sequence[np.ndarray],
        is_first: Sequence[bool] | None = None,  # noqa: ARG002 - for a prefix
    ) -> DecodedBatch:
        """Decode a batch of sources; see `BeamSearchDecoder.decode`."""
        encoded = self.network.encode(sources, self.config.phone_prior)
        hypotheses: list[list[Hypothesis]] = []
        labels: list[list[list[int]]] = []
        pending = []
        # The first pass takes one core: rescore meanwhile.
        with ThreadPoolExecutor(1) as executor:
            for row, frames in enumerate(encoded.phone_rows()):
                found = self.first_pass(frames, self.config.beam_size)
                texts = [" ".join(hypothesis.words) for hypothesis in found]
                hypotheses.append(found)
                labels.append(
                    [[*self.encode(text), self.special.end] for text in texts]
                )
                pending.append(executor.submit(self._rescore, encoded, row, labels[-1]))
        best = [
            self._n_best(found, tokens, scores.result())
            for found, tokens, scores in zip(hypotheses, labels, pending, strict=True)
        ]
        return DecodedBatch(self._padded(best), encoded.ctc_rows())

    def _rescore(
        self, encoded: Encoded, row: int, labels: list[list[int]]
    ) -> np.ndarray:
        """Return the decoder's log probability of labels, (K,)."""
        # Nothing was found, or the decoder has no part in the score.
        if not labels or self.config.phone_weight == 1:
            return np.zeros(len(labels))
        lengths = np.array([len(label) for label in labels])
        padded = pad_rows(labels, int(lengths.max()), "int64")
        tokens = np.roll(padded, 1, axis=1)
        tokens[:, 0] = self.special.start
        memory = self.network.row(encoded, row)
        scores, _ = self.network.rescore(tokens[None], padded[None], memory)
        inside = np.arange(padded.shape[1]) < lengths[:, None]
        return np.sum(scores[0] * inside, axis=1)

    def _n_best(
        self,
        hypotheses: list[Hypothesis],
        labels: list[list[int]],
        attention: np.ndarray,
    ) -> list[tuple[float, list[int]]]:
        """Return scores and tokens of the best hypotheses of one recording."""
        config = self.config
        scored = [
            (
                (1 - config.phone_weight) * float(log_prob)
                + config.phone_weight * (hypothesis.acoustic + hypothesis.reward)
                + config.lm_weight * hypothesis.language,
                label[:-1],
            )
            for hypothesis, label, log_prob in zip(
                hypotheses, labels, attention, strict=True
            )
        ]
        return sorted(scored, reverse=True)[: config.n_best]

    def _padded(self, best: list[list[tuple[float, list[int]]]]) -> Hypotheses:
        count = self.config.n_best
        longest = max((len(tokens) for row in best for _, tokens in row), default=0)
        tokens = np.zeros((len(best), count, longest), np.int32)
        lengths = np.zeros((len(best), count), np.int32)
        scores = np.full((len(best), count), NEVER, np.float32)
        for row, hypotheses in enumerate(best):
            for rank, (score, label) in enumerate(hypotheses):
                tokens[row, rank, : len(label)] = label
                lengths[row, rank], scores[row, rank] = len(label), score
        return Hypotheses(tokens, lengths, scores)
