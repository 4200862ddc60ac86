"""Two-pass decoding: lexicon search with phones, then rescoring by attention."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise

import numpy as np

from asr.arrays import grouped, pad_rows
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
        is_first: Sequence[bool] | None = None,
    ) -> DecodedBatch:
        """Decode a batch of sources; see `BeamSearchDecoder.decode`."""
        encoded = self.network.encode(sources, self.config.phone_prior)
        heard, count = encoded.phone_rows(), self.config.beam_size
        found = self.first_pass.batch(heard, count, is_first)
        best = []
        for row, hypotheses in enumerate(found):
            # Too short a recording has not even the words of the prefix.
            least = "" if is_first and not is_first[row] else self.config.prefix
            texts = (" ".join(it.words) or least for it in hypotheses)
            labels = [[*self.encode(text), self.special.end] for text in texts]
            attention = self._rescore(encoded, row, labels)
            best.append(self._n_best(hypotheses, labels, attention))
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
        scores = self._scores(padded, self.network.row(encoded, row))
        inside = np.arange(padded.shape[1]) < lengths[:, None]
        return np.sum(scores * inside, axis=1)

    def _scores(self, labels: np.ndarray, memory: Encoded) -> np.ndarray:
        """Return the log probability of each label of texts, (K, U) both.

        Texts of a beam mostly differ at their ends: what some share is read once.
        """
        order = np.lexsort(labels.T[::-1])  # texts that begin alike stand together
        labels = labels[order]
        differs = np.cumsum(labels[1:] != labels[:-1], axis=1) > 0
        # Number of each text's beginning, up to a label, among the different ones.
        groups = np.cumsum(np.vstack([np.zeros_like(labels[:1]), differs]), axis=0)
        tokens = np.roll(labels, 1, axis=1)
        tokens[:, 0] = self.special.start
        scores, state = np.zeros(labels.shape), None
        for begin, end in _parts(groups[-1] + 1):
            group = groups[:, end - 1]
            texts, _ = grouped(group)
            if state:
                before = groups[texts, begin - 1]
                state = {name: value[:, before] for name, value in state.items()}
            part = (None, texts, slice(begin, end))
            read = self.network.rescore(tokens[part], labels[part], memory, state)
            scores[:, begin:end], state = read.scores[0, group], read.state
        return scores[np.argsort(order)]

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


def _parts(widths: np.ndarray) -> Iterator[tuple[int, int]]:
    """Yield parts (begin, end) whose widths, which never shrink, are much the same."""
    bits = np.ceil(np.log2(widths))
    edges = [0, *(np.flatnonzero(np.diff(bits)) + 1).tolist(), len(widths)]
    yield from pairwise(edges)
