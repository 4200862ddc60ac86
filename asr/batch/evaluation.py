"""Scores of a corpus, added up from the counts that the workers made."""

from __future__ import annotations

from array import array
from dataclasses import dataclass, field, fields
from typing import Any

import numpy as np

from asr.batch.units import Unit
from asr.batch.worker import Record
from asr.errors import DataError
from asr.evaluation.speech import SpeechScores, evaluation_of, unread
from asr.metrics.report import CountReport
from asr.metrics.wer import Score


@dataclass
class CorpusScores(SpeechScores):
    """Counts of the utterances of a corpus; 50 bytes for each.

    Confidence intervals need the counts of each utterance, in the order of the corpus.
    """

    normalizer: str
    audio_seconds: float = 0.0
    work_seconds: float = 0.0
    empty: int = 0
    unreadable: int = 0
    words: int = 0
    gaps: Any = 0.0
    _positions: array[int] = field(default_factory=lambda: array("q"))
    _counts: array[int] = field(default_factory=lambda: array("i"))
    _facts: list[dict[str, str]] = field(default_factory=list)
    _known: dict[tuple[tuple[str, str], ...], dict[str, str]] = field(
        default_factory=dict
    )

    def add(self, unit: Unit, record: Record) -> None:
        """Add the counts of a unit."""
        self.audio_seconds += record.audio_seconds
        self.work_seconds += record.work_seconds
        facts = record.facts or self._unread(unit)
        self.empty += facts["empty"]
        self.unreadable += facts["unreadable"]
        self.words += facts["words"]
        self.gaps = self.gaps + np.asarray(facts["gaps"])
        for number, counts in zip(facts["scored"], facts["counts"], strict=True):
            self._positions.append(unit.positions[number])
            self._counts.extend(counts)
            # Speakers repeat: one dictionary serves all their utterances.
            own = unit.rows[number].facts
            self._facts.append(self._known.setdefault(tuple(own.items()), own))

    def _unread(self, unit: Unit) -> dict[str, Any]:
        """Return the counts of recordings that killed their workers: empty texts."""
        scored = [n for n, row in enumerate(unit.rows) if row.text is not None]
        results = tuple(unread(unit.rows[n], self.normalizer) for n in scored)
        report = (
            evaluation_of(results, self.normalizer, 0.0).report if results else None
        )
        return {
            "scored": scored,
            "counts": report.counts.tolist() if report else [],
            "empty": report.empty if report else 0,
            "unreadable": len(scored),
            "words": 0,
            "gaps": 0.0,
        }

    @property
    def report(self) -> CountReport:
        """Error rates of the corpus.

        Raises:
            DataError: No utterance was scored.
        """
        if not self._facts:
            raise DataError("no utterances with a text to evaluate on")
        order = np.argsort(np.frombuffer(self._positions, np.int64), kind="stable")
        counts = np.frombuffer(self._counts, np.int32).reshape(-1, len(fields(Score)))[
            order
        ]
        facts = [self._facts[place] for place in order]
        return CountReport(counts.astype(np.int64), facts, self.empty)

    @property
    def rtf(self) -> float:
        """Real-time factor of a worker."""
        return self.work_seconds / max(self.audio_seconds, 1e-9)

    @property
    def calibration_error(self) -> float | None:
        """Expected calibration error of the confidences; None without any."""
        return float(np.abs(self.gaps).sum() / self.words) if self.words else None
