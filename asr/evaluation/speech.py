"""A model's error rates on recordings with known text."""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from asr.config.schema import BATCH_SECONDS, Calibration, DecodingConfig
from asr.data.manifest import Utterance, audio_entry
from asr.errors import AsrError, DataError
from asr.formats.transcript import Word
from asr.inference.recognizer import Recognizer
from asr.metrics.alignment import align
from asr.metrics.calibration import calibration_error, fit_calibration
from asr.metrics.report import ScoreReport
from asr.metrics.wer import Score
from asr.text.normalizers import normalizer as normalizer_of

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Result:
    """One utterance, scored.

    Attributes:
        utterance: What was recognised.
        reference: Its text after normalisation.
        hypothesis: What the model wrote, after normalisation; empty where the
            recording could not be read.
        seconds: Length of the recording.
        words: The words it wrote; none from a model that cannot time them.
    """

    utterance: Utterance
    reference: str
    hypothesis: str
    seconds: float
    words: tuple[Word, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Return the keys of a manifest, with `pred_text`."""
        return {
            "id": self.utterance.id,
            **audio_entry(self.utterance.audio, None),
            "duration": self.seconds,
            **self.utterance.facts,
            "text": self.reference,
            "pred_text": self.hypothesis,
        }


@dataclass(frozen=True)
class Evaluation:
    """What a model scores on a set.

    Attributes:
        report: Error rates, their bounds and tables.
        audio_seconds: Length of all recordings.
        rtf: Seconds of work, reading included and compilation not, for each second of
            audio.
        normalizer: What both texts went through.
        unreadable: Recordings that could not be read; they count as empty hypotheses.
        results: One for each utterance, in their order.
    """

    report: ScoreReport
    audio_seconds: float
    rtf: float
    normalizer: str
    unreadable: int
    results: tuple[Result, ...]

    @cached_property
    def sureness(self) -> tuple[list[float], list[bool]]:
        """How sure the model was of each word, and whether it was right."""
        normalize = normalizer_of(self.normalizer)
        sure: list[float] = []
        right: list[bool] = []
        for result in self.results:
            parts = [
                (part, word.probability)
                for word in result.words
                for part in normalize(word.word).split()
            ]
            written = " ".join(part for part, _ in parts)
            steps = align(result.reference, written)
            sure += [probability for _, probability in parts]
            right += [step.operation == "C" for step in steps if step.hypothesis]
        return sure, right

    @property
    def calibration_error(self) -> float | None:
        """Expected calibration error of the words' probabilities, or None."""
        return calibration_error(*self.sureness) if self.sureness[0] else None

    @property
    def score(self) -> Score:
        """Counts and rates of all utterances together."""
        return self.report.score

    def to_json(self, by: Sequence[str] = (), errors: int = 0) -> dict[str, Any]:
        """Return all figures as plain data; see `ScoreReport.to_json`."""
        error = self.calibration_error
        return {
            **self.report.to_json(by, errors),
            "audio_seconds": round(self.audio_seconds, 3),
            "rtf": round(self.rtf, 5),
            "normalizer": self.normalizer,
            "unreadable": self.unreadable,
            "calibration_error": None if error is None else round(error, 5),
        }

    def summary(self, by: Sequence[str] = (), errors: int = 0) -> str:
        """Return the figures for people; see `ScoreReport.summary`."""
        text = (
            f"{self.report.summary(by, errors)}\n"
            f"audio      {self.audio_seconds:.1f} s, "
            f"real-time factor {self.rtf:.4f}\n"
            f"normalizer {self.normalizer}"
        )
        if self.calibration_error is not None:
            text += f"\nconfidence off by {100 * self.calibration_error:.1f} % (ECE)"
        if self.unreadable:
            text += f"\nunreadable {self.unreadable}, scored as empty"
        return text


def evaluate(
    recognizer: Recognizer,
    utterances: Sequence[Utterance],
    *,
    normalizer: str | None = None,
    decoding: DecodingConfig | None = None,
    batch_seconds: float = BATCH_SECONDS,
) -> Evaluation:
    """Recognise utterances and compare with their texts.

    A recording that cannot be read counts as an empty hypothesis, and is counted.

    Args:
        recognizer: The model.
        utterances: Recordings with text.
        normalizer: A key of `asr.text.normalizers.NORMALIZERS`, applied to both sides;
            that of the model's training if not given.
        decoding: How to search; the model's own choice if not given.
        batch_seconds: Audio decoded at once, in seconds.

    Raises:
        DataError: There are no utterances, one has no text, or the normaliser leaves
            nothing of any.
        RecipeError: There is no such normaliser.
    """
    normalizer = normalizer or recognizer.config.normalizer
    normalize = normalizer_of(normalizer)
    if not utterances:
        raise DataError("no utterances to evaluate on")
    for utterance in utterances:
        if utterance.text is None:
            name = utterance.id or utterance.audio
            raise DataError(f"{name}: no text to compare with")
    references = [normalize(utterance.text or "") for utterance in utterances]
    if not any(references) and any(utterance.text for utterance in utterances):
        raise DataError(
            f"{normalizer} leaves nothing of these texts; name another normalizer, "
            "such as basic-1"
        )
    recognizer.warm_up(decoding)
    started = time.perf_counter()
    results, unreadable = [], 0
    found = recognizer.transcribe_many(
        utterances,
        decoding=decoding,
        batch_seconds=batch_seconds,
        vad=False,
        word_timestamps=recognizer.times_words,
    )
    for utterance, reference, (_, transcript) in zip(
        utterances, references, found, strict=True
    ):
        text, seconds, words = "", 0.0, tuple[Word, ...]()
        if isinstance(transcript, AsrError):
            unreadable += 1
            log.warning("counts as an empty hypothesis: %s", transcript)
        else:
            text, seconds = transcript.text, transcript.duration
            words = tuple(
                word for segment in transcript.segments for word in segment.words or ()
            )
        result = Result(utterance, reference, normalize(text), seconds, words)
        results.append(result)
    elapsed = time.perf_counter() - started
    audio_seconds = sum(result.seconds for result in results)
    return Evaluation(
        report=ScoreReport(
            [result.reference for result in results],
            [result.hypothesis for result in results],
            [result.utterance.facts for result in results],
        ),
        audio_seconds=audio_seconds,
        rtf=elapsed / max(audio_seconds, 1e-9),
        normalizer=normalizer,
        unreadable=unreadable,
        results=tuple(results),
    )


def calibrate(evaluation: Evaluation, calibration: Calibration) -> Calibration:
    """Return the calibration with which a model's words are as often right as it says.

    Args:
        evaluation: Of a dev part.
        calibration: The one that the model had meanwhile.

    Raises:
        DataError: The model wrote no words, or cannot tell how sure it is of them.
    """
    sure, right = evaluation.sureness
    found = fit_calibration(sure, right)
    # It was fitted to what had been through the other one.
    return Calibration(
        scale=found.scale * calibration.scale,
        bias=found.scale * calibration.bias + found.bias,
    )
