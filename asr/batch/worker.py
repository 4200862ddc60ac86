"""A worker: does units, and writes the rows and the record of each, once."""

from __future__ import annotations

import json
import os
import platform
import tempfile
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from asr.batch.jobs import Job, Work
from asr.batch.local_copies import LocalCopies
from asr.batch.storage import Folder
from asr.batch.units import Unit
from asr.errors import OutputError

ROWS, RECORDS = "rows", "units"
"""Folders of the output: rows of each unit, and its record."""


@dataclass
class Record:
    """What a unit gave. Its file marks the unit as done.

    Args:
        rows: Number of rows that were done.
        failed: Place in the unit of each other row, and the reason.
        audio_seconds: Length of the recordings that were done.
        work_seconds: Time that the work took.
        worker: Name of the worker.
        facts: Further results for the report.
        split: The unit killed its workers: its halves have records of their own.
        found: It was done before; not stored.
    """

    rows: int = 0
    failed: list[tuple[int, str]] = field(default_factory=list)
    audio_seconds: float = 0.0
    work_seconds: float = 0.0
    worker: str = ""
    facts: dict[str, Any] = field(default_factory=dict)
    split: bool = False
    found: bool = False


def record_name(unit: Unit) -> str:
    """Return the name of a unit's record in the output."""
    return f"{RECORDS}/{unit.name}.json"


def write_record(folder: Folder, unit: Unit, record: Record) -> None:
    """Store the record of a unit."""
    values = asdict(record)
    del values["found"]
    folder.write(record_name(unit), json.dumps(values, ensure_ascii=False) + "\n")


def read_record(folder: Folder, unit: Unit) -> Record | None:
    """Return the record of a unit that was done before, or None."""
    text = folder.read(record_name(unit))
    if text is None:
        return None
    try:
        return Record(**json.loads(text), found=True)
    except (ValueError, TypeError) as error:
        path = folder.path(record_name(unit))
        raise OutputError(f"{path}: damaged; remove it to do the unit again") from error


class Worker:
    """Does units one after the other. Ray runs it in a process of its own.

    Args:
        job: What to do.
        output: Path or address of the output.
    """

    def __init__(self, job: Job, output: str) -> None:
        os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # its notes are about GPUs
        self._job, self._folder = job, Folder(output)
        self._work: Work | None = None
        self.name = f"{platform.node()}:{os.getpid()}"

    def open(self) -> str:
        """Load what the job needs; return the name of the worker.

        Raises:
            AsrError: Something is missing.
        """
        self._work = self._job.open()
        return self.name

    def do(self, unit: Unit) -> Record:
        """Do a unit, if it was not done before; return its record.

        Raises:
            OutputError: The output cannot be written.
        """
        if self._work is None:
            self.open()
        assert self._work is not None  # noqa: S101 - for the type checker
        if record := read_record(self._folder, unit):
            return record
        started = time.perf_counter()
        with tempfile.TemporaryDirectory() as temporary:
            copies = LocalCopies(unit.rows, Path(temporary))
            outcome = self._work(copies, unit.name)
        if outcome.lines:
            rows = f"{ROWS}/{unit.name}.{self._job.suffix}"
            self._folder.write(rows, "".join(outcome.lines))
        failed = sorted([*copies.failed, *outcome.failed])
        record = Record(
            rows=len(unit.rows) - len(failed),
            failed=failed,
            audio_seconds=outcome.audio_seconds,
            work_seconds=time.perf_counter() - started,
            worker=self.name,
            facts=outcome.facts,
        )
        write_record(self._folder, unit, record)
        return record
