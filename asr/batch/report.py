"""The report of a batch: what was done, what failed and why, and the workers."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from asr.batch.units import Unit
from asr.batch.worker import Record
from asr.errors import address_in

_REASONS = 100  # most kinds of reasons that are counted
_OTHER = "other reasons"


@dataclass
class Total:
    """What a worker did, or all of them.

    Attributes:
        units: Number of units.
        rows: Rows that were done.
        audio_seconds: Length of their recordings.
        work_seconds: Time that the work took.
    """

    units: int = 0
    rows: int = 0
    audio_seconds: float = 0.0
    work_seconds: float = 0.0

    def add(self, record: Record) -> None:
        """Add the record of a unit."""
        self.units += 1
        self.rows += record.rows
        self.audio_seconds += record.audio_seconds
        self.work_seconds += record.work_seconds

    @property
    def rtf(self) -> float | None:
        """Real-time factor: seconds of work for one of audio; None without audio."""
        return self.work_seconds / self.audio_seconds if self.audio_seconds else None

    def to_json(self) -> dict[str, Any]:
        """Return the values as JSON data."""
        return {
            "units": self.units,
            "rows": self.rows,
            "hours": round(self.audio_seconds / 3600, 4),
            "rtf": None if self.rtf is None else round(self.rtf, 5),
        }


@dataclass
class BatchReport:
    """Sums over the records of units. Its size does not depend on the corpus.

    Attributes:
        total: What all workers did, also before.
        failed: Number of rows that failed.
        found: Units that were done before.
        reasons: Kind of reason -> number of failed rows.
        workers: Name -> what it did, also before.
        deaths: Workers that died and were replaced.
    """

    total: Total = field(default_factory=Total)
    failed: int = 0
    found: int = 0
    reasons: Counter[str] = field(default_factory=Counter)
    workers: dict[str, Total] = field(default_factory=dict)
    deaths: int = 0

    def add(self, unit: Unit, record: Record) -> None:
        """Add the record of a unit."""
        self.total.add(record)
        self.found += record.found
        for number, reason in record.failed:
            audio = str(unit.rows[number].audio)
            self.fail(reason, address_in(audio) or audio)
        if record.worker:
            self.workers.setdefault(record.worker, Total()).add(record)

    def fail(self, reason: str, name: str) -> None:
        """Count a row that failed, by its reason without the name of the recording."""
        self.failed += 1
        kind = reason.replace(name, "").removeprefix(": ")
        if kind not in self.reasons and len(self.reasons) >= _REASONS:
            kind = _OTHER
        self.reasons[kind] += 1

    def to_json(self) -> dict[str, Any]:
        """Return all values as JSON data."""
        return {
            **self.total.to_json(),
            "failed": self.failed,
            "reasons": dict(self.reasons.most_common()),
            "found": self.found,
            "deaths": self.deaths,
            "workers": {
                name: worker.to_json() for name, worker in sorted(self.workers.items())
            },
        }

    def summary(self) -> str:
        """Return the values as text."""
        total = self.total
        rtf = (
            "" if total.rtf is None else f", real-time factor {total.rtf:.4f} a worker"
        )
        lines = [
            f"recordings {total.rows} done, {self.failed} failed",
            f"length     {total.audio_seconds / 3600:.2f} h{rtf}",
            f"units      {total.units}, {self.found} of them done before",
            f"workers    {len(self.workers)}; {self.deaths} died and were replaced",
        ]
        lines += [f"failed     {n}: {kind}" for kind, n in self.reasons.most_common(5)]
        return "\n".join(lines)
