"""Two-pass decoding: lexicon search with phones, then rescoring by attention."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import keras
import numpy as np
from keras import ops

from asr.arrays import pad_rows, round_up_length
from asr.config.schema import DecodingConfig
from asr.decoding.beam_search import Hypotheses, Tokens
from asr.decoding.lexicon_search import Hypothesis, LexiconSearch
from asr.decoding.scorers import NEVER
from asr.inference.graph import DecodedBatch, inputs_of, predict
from asr.model.ops import sequence_mask
from asr.model.seq2seq import Seq2Seq

_BATCH = 2  # recordings whose hypotheses are rescored at once: more fill memory


class RescoringDecoder:
    """Decodes with a CTC head of phones; used as `BeamSearchDecoder`.

    Args:
        model: The network; its weights are shared, not copied.
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
        model: Seq2Seq,
        special: Tokens,
        config: DecodingConfig,
        first_pass: LexiconSearch,
        encode: Callable[[str], list[int]],
    ) -> None:
        self.special, self.config = special, config
        self.first_pass, self.encode = first_pass, encode
        self._encoder = _Encoder(model, config.phone_prior)
        self._rescorer = _Rescorer(model)

    def hypotheses(self, sources: Sequence[np.ndarray]) -> Hypotheses:
        """Decode a batch of sources, (N,) each; the result is in arrays."""
        return self.decode(sources).hypotheses

    def decode(
        self,
        sources: Sequence[np.ndarray],
        is_first: Sequence[bool] | None = None,  # noqa: ARG002 - for a prefix
        *,
        width: int = 0,
    ) -> DecodedBatch:
        """Decode a batch of sources; see `BeamSearchDecoder.decode`."""
        encoded = predict(self._encoder, inputs_of(sources, width))
        counts = encoded["ctc_lengths"]
        hypotheses: list[list[Hypothesis]] = []
        labels: list[list[list[int]]] = []
        pending = []
        # The first pass takes one core: rescore meanwhile.
        with ThreadPoolExecutor(1) as executor:
            for start in range(0, len(sources), _BATCH):
                batch = slice(start, start + _BATCH)
                for frames, count in zip(
                    encoded["phones"][batch], counts[batch], strict=True
                ):
                    beam = self.first_pass(frames[:count], self.config.beam_size)
                    texts = [" ".join(hypothesis.words) for hypothesis in beam]
                    hypotheses.append(beam)
                    labels.append(
                        [[*self.encode(text), self.special.end] for text in texts]
                    )
                memory = encoded["memory"][batch], encoded["memory_lengths"][batch]
                pending.append(executor.submit(self._rescore, *memory, labels[batch]))
        attention = np.concatenate([scores.result() for scores in pending])
        best = [
            self._n_best(*row)
            for row in zip(hypotheses, labels, attention, strict=True)
        ]
        ctc = [
            frames[:count]
            for frames, count in zip(encoded["ctc_log_probs"], counts, strict=True)
        ]
        return DecodedBatch(self._padded(best), ctc)

    def _rescore(
        self,
        memory: np.ndarray,
        memory_lengths: np.ndarray,
        labels: list[list[list[int]]],
    ) -> np.ndarray:
        """Return the decoder's log probability of labels, (B, K).

        K is always the beam size, and lengths are rounded up: few graphs are compiled.
        """
        rows, size = len(labels), self.config.beam_size
        if self.config.phone_weight == 1:  # the decoder has no part in the score
            return np.zeros((rows, size))
        empty = [self.special.end]
        flat = [label for row in labels for label in row + [empty] * (size - len(row))]
        lengths = np.array([len(label) for label in flat], np.int32)
        width = round_up_length(int(lengths.max()), bits=3)
        padded = pad_rows(flat, width, "int32").reshape(rows, size, width)
        tokens = np.roll(padded, 1, axis=2)
        tokens[..., 0] = self.special.start
        scores = predict(
            self._rescorer,
            {
                "memory": memory,
                "memory_lengths": memory_lengths,
                "tokens": tokens,
                "labels": padded,
                "label_lengths": lengths.reshape(rows, size),
            },
        )
        return np.asarray(scores)

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
                hypotheses, labels, attention, strict=False
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


class _Encoder(keras.Model):
    """Encoder states of sources, with the outputs of both CTC heads."""

    def __init__(self, model: Seq2Seq, prior: float) -> None:
        super().__init__(name="encoder", dtype="float32")
        self.model, self.prior = model, prior
        self.built = True

    def call(self, inputs: dict[str, Any]) -> dict[str, Any]:
        encoded, _, ctc_log_probs = self.model.encode(
            inputs["source"], inputs["source_lengths"]
        )
        phones = self.model.heads["phones"]
        return {
            "memory": encoded.memory,
            "memory_lengths": encoded.memory_lengths,
            "ctc_lengths": encoded.state_lengths,
            "ctc_log_probs": ctc_log_probs,
            "phones": phones.log_probs(encoded.states, self.prior),
        }


class _Rescorer(keras.Model):
    """The decoder's log probability of labels, (B, K), all steps at once."""

    def __init__(self, model: Seq2Seq) -> None:
        super().__init__(name="rescorer", dtype="float32")
        self.model = model
        self.built = True

    def call(self, inputs: dict[str, Any]) -> Any:
        tokens, labels = inputs["tokens"], inputs["labels"]
        rows, count, width = ops.shape(tokens)
        logits, _ = self.model.decoder(
            ops.reshape(tokens, (rows * count, width)),
            ops.repeat(inputs["memory"], count, axis=0),
            ops.repeat(inputs["memory_lengths"], count, axis=0),
        )
        log_probs = ops.log_softmax(logits, axis=-1)
        flat = ops.reshape(labels, (rows * count, width, 1))
        scores = ops.take_along_axis(log_probs, flat, axis=2)[..., 0]
        lengths = ops.reshape(inputs["label_lengths"], (rows * count,))
        inside = ops.cast(sequence_mask(lengths, width), scores.dtype)
        return ops.reshape(ops.sum(scores * inside, axis=1), (rows, count))
