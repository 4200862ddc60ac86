"""Decoded hypotheses -> segments with words, confidence and hallucination reason."""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass, replace

from asr.audio.windows import AudioSegment
from asr.config.schema import Calibration
from asr.decoding.ctc_alignment import Spans, align_labels
from asr.formats.transcript import Alternative, Segment, Word
from asr.inference.beam_search_decoder import DecodedBatch
from asr.inference.hallucination import best_path, hallucination_reason
from asr.inference.predictor import distinct_texts, n_best
from asr.inference.timestamps import timed_words
from asr.metrics.calibration import calibrated
from asr.tasks.base import Task

Decoded = tuple[Segment, tuple[Alternative, ...]]
"""A segment and its n-best hypotheses."""


@dataclass(frozen=True)
class SegmentBuilder:
    """Builds segments of the transcript from decoded audio segments.

    Args:
        task: Task of the model.
        calibration: Calibration of word probabilities.
        frame_seconds: Length of a CTC frame in seconds.
        n_best: Number of n-best hypotheses.
        word_timestamps: Add words with their times.
        skipped: Seconds before the first sample of the recording that was read.
    """

    task: Task
    calibration: Calibration
    frame_seconds: float
    n_best: int = 1
    word_timestamps: bool = True
    skipped: float = 0.0

    def build(self, batch: DecodedBatch, row: int, audio: AudioSegment) -> Decoded:
        """Build the segment of one row of a decoded batch.

        Args:
            batch: N-best hypotheses and CTC log probabilities.
            row: Index in the batch.
            audio: The audio segment.
        """
        best = n_best(batch.hypotheses, row, self.n_best)
        alternatives = distinct_texts(
            Alternative(self._text(tokens), score) for tokens, score in best
        )
        tokens, score = best[0] if best else ((), 0.0)
        mean, reason = score / (len(tokens) + 1), None
        words: tuple[Word, ...] | None = None
        if batch.ctc:
            log_probs = batch.ctc[row]
            ctc_tokens = best_path(log_probs)
            reason = hallucination_reason(
                self.task.decode(tokens), tokens, ctc_tokens, len(log_probs)
            )
            if reason is not None:  # CTC cannot loop: take its best path
                score = float(log_probs.max(axis=-1).sum())
                tokens, mean = ctc_tokens, score / (len(ctc_tokens) + 1)
                fallback = Alternative(self._text(tokens), score)
                alternatives = distinct_texts((fallback, *alternatives))[: len(best)]
            spans = align_labels(log_probs, tokens)
            words, tokens = self.words(tokens, spans, audio)
        start, end = self._bounds(words, audio)
        segment = Segment(
            id=0,
            start=start,
            end=end,
            text=self._text(tokens),
            tokens=tokens,
            avg_logprob=mean,
            no_speech_prob=1.0 - audio.speech,
            words=words if self.word_timestamps else None,
            doubt=reason,
            confidence=_mean_probability(words),
            pauses=_pauses(words),
        )
        return segment, alternatives if self.n_best > 1 else ()

    def words(
        self, tokens: tuple[int, ...], spans: Spans, audio: AudioSegment
    ) -> tuple[tuple[Word, ...], tuple[int, ...]]:
        """Return the words of an audio segment with their times, and their tokens.

        Words of the padding beyond a cut are left out: they belong to the neighbour.

        Args:
            tokens: Tokens of the whole segment, padding included.
            spans: CTC alignment of the tokens.
            audio: The audio segment.
        """
        first = self._seconds(audio.first) if audio.cut_before else -math.inf
        last = self._seconds(audio.last) if audio.cut_after else math.inf
        start = self._seconds(audio.start)
        timed = timed_words(
            [self.task.tokenizer.pieces[token] for token in tokens],
            spans,
            self.frame_seconds,
            start=start,
            end=start + len(audio.samples) / self.task.rate,
        )
        kept = [
            entry
            for entry in timed
            if first <= 0.5 * (entry.word.start + entry.word.end) < last
        ]
        if not kept:
            return (), ()
        words = tuple(
            replace(word, probability=calibrated(self.calibration, word.probability))
            for word, _, _ in kept
        )
        return words, tokens[kept[0].first : kept[-1].last]

    def _bounds(
        self, words: tuple[Word, ...] | None, audio: AudioSegment
    ) -> tuple[float, float]:
        """Return start and end in seconds, widened to words inside the padding."""
        start, end = self._seconds(audio.first), self._seconds(audio.last)
        if words and not audio.cut_before and words[0].end <= start:
            start = words[0].start
        if words and not audio.cut_after and words[-1].start >= end:
            end = words[-1].end
        return start, end

    def _seconds(self, position: int) -> float:
        return self.skipped + position / self.task.rate

    def _text(self, tokens: tuple[int, ...]) -> str:
        return self.task.decode(tokens).strip()


def _pauses(words: tuple[Word, ...] | None) -> tuple[float, ...] | None:
    if words is None:
        return None
    return tuple(after.start - word.end for word, after in itertools.pairwise(words))


def _mean_probability(words: tuple[Word, ...] | None) -> float | None:
    if not words:
        return None
    return math.fsum(word.probability for word in words) / len(words)
