"""What workers do with a unit: transcribe, evaluate or prepare its recordings."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Protocol

from asr.batch.local_copies import LocalCopies
from asr.batch.storage import Folder, is_address
from asr.config.schema import DecodingConfig
from asr.corpora.prepare import Report, usable_utterances
from asr.data.manifest import Utterance, absolute, audio_entry, manifest_entry
from asr.data.shards import write_shards
from asr.data.text_files import json_line
from asr.errors import AsrError
from asr.evaluation.speech import evaluation_of, recognized, unread
from asr.formats.json_entries import stretch_name
from asr.formats.named import named_json, named_txt
from asr.formats.transcript import Transcript
from asr.formats.writers import json_
from asr.inference.loading import load
from asr.inference.recognizer import Recognizer
from asr.inference.restorer import restorer_of
from asr.metrics.calibration import calibration_gaps

SHARDS = "shards"
"""Folder of the shards, below the output."""


@dataclass
class Outcome:
    """What became of the rows of a unit.

    Args:
        lines: Text of the rows that were done, each with its newline.
        failed: Place in the unit of each other row, and the reason.
        audio_seconds: Length of the recordings that were done.
        facts: Further results for the report, as JSON data.
    """

    lines: list[str] = field(default_factory=list)
    failed: list[tuple[int, str]] = field(default_factory=list)
    audio_seconds: float = 0.0
    facts: dict[str, Any] = field(default_factory=dict)


Work = Callable[[LocalCopies, str], Outcome]
"""Takes the rows of a unit and its name."""


class Job(Protocol):
    """What to do with each unit. It travels to the workers: it holds settings alone."""

    @property
    def suffix(self) -> str:
        """Ending of the files with rows."""

    def open(self) -> Work:
        """Load what the work needs; raise an AsrError if that is not there."""


@dataclass(frozen=True)
class Transcription:
    """Transcribes recordings, as `asr transcribe` does.

    Args:
        model: A bundled model, a model folder or a run folder.
        decoding: Beam, weights and hotwords.
        suffix: Form of the rows: `json` or `txt`.
        vad: Skip non-speech.
        word_timestamps: Add times of words to json.
        raw: Leave out case, punctuation and digits.
        numbers: Write numbers in digits.
        batch_seconds: Seconds of audio decoded at once.
        threads: Processor threads of the network.
    """

    model: str
    decoding: DecodingConfig
    suffix: str
    vad: bool
    word_timestamps: bool
    raw: bool
    numbers: bool
    batch_seconds: float
    threads: int

    def open(self) -> Work:
        """Load the models."""
        recognizer = load(self.model, threads=self.threads)
        recognizer.warm_up(self.decoding)
        restorer = None if self.raw else restorer_of(recognizer)

        def work(copies: LocalCopies, _: str) -> Outcome:
            results = recognizer.transcribe_many(
                copies.rows,
                decoding=self.decoding,
                vad=self.vad,
                word_timestamps=self.word_timestamps,
                batch_seconds=self.batch_seconds,
            )
            outcome = Outcome()
            for number, row, (_source, result) in zip(
                copies.numbers, copies.rows, results, strict=True
            ):
                if isinstance(result, AsrError):
                    outcome.failed.append((number, copies.message(str(result))))
                    continue
                if restorer:
                    result = restorer.transcript(result, numbers=self.numbers)
                outcome.audio_seconds += result.duration
                outcome.lines.append(self._line(copies.original(row), result))
            return outcome

        return work

    def _line(self, row: Utterance, transcript: Transcript) -> str:
        entry = manifest_entry(row, None)
        if self.suffix == "txt":
            name = row.id or stretch_name(entry["audio_filepath"], row.offset)
            return named_txt(transcript, name)
        return named_json(json_(transcript), entry)


@dataclass(frozen=True)
class Evaluation:
    """Recognises recordings with texts and counts errors, as `asr evaluate` does.

    Args:
        model: A bundled model, a model folder or a run folder.
        decoding: Beam and weights.
        normalizer: Normaliser of references and hypotheses.
        batch_seconds: Seconds of audio decoded at once.
        threads: Processor threads of the network.
    """

    model: str
    decoding: DecodingConfig
    normalizer: str
    batch_seconds: float
    threads: int
    suffix: str = "json"

    def open(self) -> Work:
        """Load the model."""
        recognizer = load(self.model, threads=self.threads)
        recognizer.warm_up(self.decoding)

        return lambda copies, _: self._work(recognizer, copies)

    def _work(self, recognizer: Recognizer, copies: LocalCopies) -> Outcome:
        rows = dict(zip(copies.numbers, copies.rows, strict=True))
        scored = [number for number, row in rows.items() if row.text is not None]
        results = recognized(
            recognizer,
            [rows[number] for number in scored],
            normalizer=self.normalizer,
            decoding=self.decoding,
            batch_seconds=self.batch_seconds,
        )
        for number, _ in copies.failed:
            if copies.given[number].text is not None:
                scored.append(number)
                results += (unread(copies.given[number], self.normalizer),)
        evaluation = evaluation_of(results, self.normalizer, 0.0)
        confidences, correct = evaluation.confidences
        outcome = Outcome(audio_seconds=evaluation.audio_seconds)
        for number in rows.keys() - scored:
            outcome.failed.append((number, "no text to compare with"))
        for number, result in zip(scored, results, strict=True):
            audio = audio_entry(copies.given[number].audio, None)
            outcome.lines.append(json_line({**result.to_json(), **audio}))
            if result.error and number in rows:
                outcome.failed.append((number, copies.message(str(result.error))))
        outcome.facts = {
            "scored": scored,
            "counts": evaluation.report.counts.tolist(),
            "empty": evaluation.report.empty,
            "unreadable": evaluation.unreadable,
            "words": len(confidences),
            "gaps": calibration_gaps(confidences, correct).tolist(),
        }
        return outcome


@dataclass(frozen=True)
class Preparation:
    """Checks recordings, as `asr prepare` does, and may pack them into shards.

    Args:
        output: Folder or address of the output.
        shards: Pack the recordings of each unit into a shard.
        rate: Sample rate of recordings in shards; None keeps that of each.
    """

    output: str
    shards: bool
    rate: int | None
    suffix: str = "jsonl"

    def open(self) -> Work:
        """Return the work; nothing has to be loaded."""
        return self._work

    def _work(self, copies: LocalCopies, name: str) -> Outcome:
        report = _DroppedRows(copies)
        kept = usable_utterances(copies.rows, report)
        if self.shards:
            # A worker that was killed may have left the shard, but not its record.
            shards = Folder(f"{self.output}/{SHARDS}")
            shards.remove(f"{name}-00000-of-00001.tfrecord")
            kept = write_shards(
                kept,
                shards.place,
                name,
                1,
                on_unreadable=report.drop_unreadable,
                rate=self.rate,
            )
        outcome = Outcome()
        speakers: set[str] = set()
        folder = Path(self.output if is_address(self.output) else absolute(self.output))
        for utterance in kept:
            speakers.update(filter(None, [utterance.speaker]))
            entry = manifest_entry(copies.original(utterance), folder)
            outcome.lines.append(json_line(entry))
        outcome.failed = report.failed
        outcome.audio_seconds = 3600 * report.hours
        outcome.facts = {
            "speakers": sorted(speakers),
            "characters": report.characters,
        }
        return outcome


class _DroppedRows(Report):
    """Report that remembers the place in the unit of each dropped row."""

    def __init__(self, copies: LocalCopies) -> None:
        super().__init__()
        self.failed: list[tuple[int, str]] = []
        self._numbers: dict[Utterance, list[int]] = {}
        for number, row in zip(copies.numbers, copies.rows, strict=True):
            self._numbers.setdefault(_without_duration(row), []).append(number)

    def drop(self, utterance: Utterance, reason: str) -> None:
        """Count a dropped utterance."""
        super().drop(utterance, reason)
        numbers = self._numbers[_without_duration(utterance)]
        self.failed.append((numbers.pop(0), reason))


def _without_duration(row: Utterance) -> Utterance:
    """Return a row without what the check fills in."""
    return replace(row, duration=None)
