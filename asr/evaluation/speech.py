"""Evaluation of a model on recordings with reference texts."""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import chain
from typing import Any

from asr.config.schema import BATCH_SECONDS, Calibration, DecodingConfig
from asr.data.manifest import Utterance, audio_entry
from asr.errors import AsrError, DataError
from asr.formats.json_entries import stretch_name
from asr.formats.transcript import Transcript, Word
from asr.inference.recognizer import Recognizer
from asr.metrics.alignment import align
from asr.metrics.calibration import calibration_error, fit_calibration
from asr.metrics.report import ScoreReport
from asr.metrics.wer import Score
from asr.text.normalizers import normalizer as normalizer_of

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Result:
    """Result of one utterance.

    Attributes:
        utterance: The recording and its text.
        reference: Normalised reference.
        hypothesis: Normalised hypothesis; empty for an unreadable recording.
        seconds: Duration of the recording.
        words: Recognised words; empty if the model has no word timestamps.
        error: Why the recording is unreadable, or None.
    """

    utterance: Utterance
    reference: str
    hypothesis: str
    seconds: float
    words: tuple[Word, ...] = ()
    error: AsrError | None = None

    @property
    def name(self) -> str:
        """Name of the utterance, or its recording with the offset of a stretch."""
        return self.utterance.id or stretch_name(
            str(self.utterance.audio), self.utterance.offset
        )

    def to_json(self) -> dict[str, Any]:
        """Return the keys of a manifest, with `pred_text`."""
        utterance = self.utterance
        stretch = {"offset": utterance.offset or None, "channel": utterance.channel}
        return {
            "id": self.utterance.id,
            **audio_entry(self.utterance.audio, None),
            "duration": self.seconds,
            **{key: value for key, value in stretch.items() if value is not None},
            **self.utterance.facts,
            "text": self.reference,
            "pred_text": self.hypothesis,
        }


class SpeechScores:
    """Scores as JSON data and as text: what `Evaluation` and corpora in parts share."""

    report: Any
    audio_seconds: float
    rtf: Any
    normalizer: str
    unreadable: int
    calibration_error: Any

    def to_json(self, *shown: Any) -> dict[str, Any]:
        """Return all scores as JSON data; arguments as for the report."""
        error = self.calibration_error
        return {
            **self.report.to_json(*shown),
            "audio_seconds": round(self.audio_seconds, 3),
            "rtf": round(self.rtf, 5),
            "normalizer": self.normalizer,
            "unreadable": self.unreadable,
            "calibration_error": None if error is None else round(error, 5),
        }

    def summary(self, *shown: Any) -> str:
        """Return all scores as text; arguments as for the report."""
        text = (
            f"{self.report.summary(*shown)}\n"
            f"audio      {self.audio_seconds:.1f} s, real-time factor {self.rtf:.4f}\n"
            f"normalizer {self.normalizer}"
        )
        if self.calibration_error is not None:
            text += f"\nconfidence off by {100 * self.calibration_error:.1f} % (ECE)"
        if self.unreadable:
            text += f"\nunreadable {self.unreadable}, scored as empty"
        return text


@dataclass(frozen=True)
class Evaluation(SpeechScores):
    """Scores of a model on a set of recordings.

    Attributes:
        report: Error rates, confidence intervals and tables.
        audio_seconds: Total duration of the recordings.
        rtf: Real-time factor: seconds of work for one of audio, without start-up.
        normalizer: Name of the normaliser of references and hypotheses.
        unreadable: Number of unreadable recordings, scored as empty hypotheses.
        results: Result of each utterance, in order.
    """

    report: ScoreReport
    audio_seconds: float
    rtf: float
    normalizer: str
    unreadable: int
    results: tuple[Result, ...]

    @cached_property
    def confidences(self) -> tuple[list[float], list[bool]]:
        """Confidence of each recognised word, 0 to 1, and its correctness."""
        normalize = normalizer_of(self.normalizer)
        confidences: list[float] = []
        correct: list[bool] = []
        for result in self.results:
            parts = [normalize(word.word).split() for word in result.words]
            steps = align(result.reference, " ".join(chain.from_iterable(parts)))
            for word, part in zip(result.words, parts, strict=True):
                confidences += [word.probability] * len(part)
            correct += [step.operation == "C" for step in steps if step.hypothesis]
        return confidences, correct

    @property
    def calibration_error(self) -> float | None:
        """Expected calibration error of the confidences; None without any."""
        return calibration_error(*self.confidences) if self.confidences[0] else None

    @property
    def score(self) -> Score:
        """Error counts and rates of all utterances together."""
        return self.report.score


def evaluate(
    recognizer: Recognizer,
    utterances: Sequence[Utterance],
    *,
    normalizer: str | None = None,
    decoding: DecodingConfig | None = None,
    batch_seconds: float = BATCH_SECONDS,
) -> Evaluation:
    """Recognise utterances and score the hypotheses against their texts.

    An unreadable recording has an empty hypothesis. Utterances without a text are left
    out, with a warning.

    Args:
        recognizer: The model.
        utterances: Recordings with text.
        normalizer: A key of `asr.text.normalizers.NORMALIZERS` for references and
            hypotheses; by default the normaliser of the model's training.
        decoding: Decoding options; by default those of the model.
        batch_seconds: Audio decoded at once, in seconds.

    Raises:
        DataError: There are no utterances with a text, or all normalise to "".
        RecipeError: The normaliser is unknown.
    """
    normalizer = normalizer or recognizer.config.normalizer
    utterances = _with_text(utterances)
    _check_references(utterances, normalizer)
    recognizer.warm_up(decoding)
    started = time.perf_counter()
    results = recognized(
        recognizer,
        utterances,
        normalizer=normalizer,
        decoding=decoding,
        batch_seconds=batch_seconds,
    )
    elapsed = time.perf_counter() - started
    for result in results:
        if result.error:
            log.warning("counts as an empty hypothesis: %s", result.error)
    return evaluation_of(results, normalizer, elapsed)


def recognized(
    recognizer: Recognizer,
    utterances: Sequence[Utterance],
    *,
    normalizer: str,
    decoding: DecodingConfig | None,
    batch_seconds: float,
) -> tuple[Result, ...]:
    """Recognise utterances with texts; arguments as for `evaluate`."""
    normalize = normalizer_of(normalizer)
    outcomes = recognizer.transcribe_many(
        utterances,
        decoding=decoding,
        batch_seconds=batch_seconds,
        vad=False,
        word_timestamps=recognizer.times_words,
    )
    results = []
    for utterance, (_, outcome) in zip(utterances, outcomes, strict=True):
        error = outcome if isinstance(outcome, AsrError) else None
        if isinstance(outcome, AsrError):
            outcome = Transcript("", (), "", 0.0)
        words = (word for segment in outcome.segments for word in segment.words or ())
        results.append(
            Result(
                utterance,
                normalize(utterance.text or ""),
                normalize(outcome.text),
                outcome.duration,
                tuple(words),
                error,
            )
        )
    return tuple(results)


def unread(utterance: Utterance, normalizer: str) -> Result:
    """Return the empty result of a recording that could not be read."""
    reference = normalizer_of(normalizer)(utterance.text or "")
    error = DataError("the recording could not be read")
    return Result(utterance, reference, "", 0.0, error=error)


def evaluation_of(
    results: tuple[Result, ...], normalizer: str, elapsed: float
) -> Evaluation:
    """Score the results of `recognized`, which took `elapsed` seconds."""
    audio_seconds = sum(result.seconds for result in results)
    return Evaluation(
        report=ScoreReport(
            [result.reference for result in results],
            [result.hypothesis for result in results],
            [result.utterance.facts for result in results],
            normalizer=normalizer,
        ),
        audio_seconds=audio_seconds,
        rtf=elapsed / max(audio_seconds, 1e-9),
        normalizer=normalizer,
        unreadable=sum(result.error is not None for result in results),
        results=results,
    )


def _with_text(utterances: Sequence[Utterance]) -> list[Utterance]:
    silent = [x.id or str(x.audio) for x in utterances if x.text is None]
    if silent and len(silent) == len(utterances):
        raise DataError(f"{silent[0]}: no text to compare with")
    if silent:
        text = "left out %d utterances without a text, such as %s"
        log.warning(text, len(silent), silent[0][:200])
    return [utterance for utterance in utterances if utterance.text is not None]


def _check_references(utterances: Sequence[Utterance], normalizer: str) -> None:
    if not utterances:
        raise DataError("no utterances to evaluate on")
    texts = [utterance.text or "" for utterance in utterances]
    if any(texts) and not any(map(normalizer_of(normalizer), texts)):
        advice = "name another normalizer, such as basic-1"
        raise DataError(f"{normalizer} leaves nothing of these texts; {advice}")


def calibrate(evaluation: Evaluation, calibration: Calibration) -> Calibration:
    """Fit a calibration after which confidences equal the share of correct words.

    Args:
        evaluation: Evaluation on a dev set.
        calibration: Calibration of the model during the evaluation.

    Raises:
        DataError: There are no recognised words with a confidence.
    """
    fitted = fit_calibration(*evaluation.confidences)
    # The confidences had the old calibration, so the result composes both.
    return Calibration(
        scale=fitted.scale * calibration.scale,
        bias=fitted.scale * calibration.bias + fitted.bias,
    )
