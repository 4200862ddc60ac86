"""The driver of a batch: cuts a corpus into units, and gathers what workers made."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import IO, Any

from asr import __version__
from asr.batch.jobs import SHARDS, Job, Preparation
from asr.batch.pool import Pool
from asr.batch.report import BatchReport
from asr.batch.sources import Rows, measure, usable
from asr.batch.storage import Folder
from asr.batch.units import Unit, length, unit_seconds, units
from asr.batch.worker import RECORDS, ROWS, Record
from asr.config.parsing import to_dict
from asr.data.manifest import manifest_entry
from asr.data.text_files import DamagedRow, json_line
from asr.errors import OutputError, UsageError
from asr.files import model_path
from asr.storage.model_folder import SUMS, verify

SETTINGS, FAILED, REPORT = "batch.json", "failed.jsonl", "report.json"
"""Files of the output: what was asked, rows that failed, and the report."""


@dataclass(frozen=True)
class Batch:
    """A corpus, what to do with it, and where the results go.

    Args:
        command: Name of the command.
        rows: Reads the corpus.
        job: What to do with each unit.
        output: Path or address.
        resume: Go on with results that are there.
    """

    command: str
    rows: Rows
    job: Job
    output: str
    resume: bool

    @property
    def folder(self) -> Folder:
        """The output."""
        return Folder(self.output)

    def plan(self) -> Plan:
        """Measure the corpus, and make the output or check that it fits.

        Raises:
            UsageError: The output has other results, or `resume` is not set.
            DataError: The corpus is missing or empty.
            OutputError: The output cannot be written.
        """
        folder, settings = self.folder, self._settings()
        stored = folder.read(SETTINGS)
        if stored is not None and not self.resume:
            raise UsageError(
                f"{self.output} has results already; add --resume to go on, or choose "
                "another --output"
            )
        there = settings if stored is None else self._stored(stored)
        for key, value in settings.items():
            if there.get(key) != value:
                raise UsageError(
                    f"{self.output} has results with another {key}; give the same "
                    "options, or choose another --output"
                )
        total = measure(self.rows(), length)
        if stored is None:
            shards = isinstance(self.job, Preparation) and self.job.shards
            folder.make(ROWS, RECORDS, *([SHARDS] if shards else []))
            there = {**settings, "unit_seconds": unit_seconds(total)}
            folder.write(SETTINGS, json.dumps(there, indent=1) + "\n")
        return Plan(total, there["unit_seconds"])

    def _stored(self, text: str) -> dict[str, Any]:
        """Return the settings of an output."""
        try:
            there = json.loads(text)
            if there["unit_seconds"] > 0:
                return dict(there)
        except (ValueError, TypeError, KeyError):
            pass
        path = self.folder.path(SETTINGS)
        raise OutputError(f"{path}: damaged; choose another --output")

    def _settings(self) -> dict[str, Any]:
        """Return what must not change between a start and its resumption."""
        job = {
            # Cores change the speed alone, and an output may be moved.
            key: to_dict(value) if dataclasses.is_dataclass(value) else value
            for key, value in vars(self.job).items()
            if key not in ("threads", "output")
        }
        if "model" in job:
            model = model_path(str(job["model"]))
            verify(model)
            sums = (model / SUMS).read_bytes()
            job["model_sums"] = hashlib.sha256(sums).hexdigest()
        # Through JSON, as it will be read.
        settings = {"command": self.command, "version": __version__, **job}
        return dict(json.loads(json.dumps(settings)))


@dataclass(frozen=True)
class Plan:
    """Length of a corpus, and of its units.

    Args:
        total: Seconds of all recordings, as far as it is known beforehand.
        seconds: Seconds of a unit.
    """

    total: float
    seconds: float


def run(
    batch: Batch,
    plan: Plan,
    pool: Pool,
    on_record: Callable[[Unit, Record], object],
) -> BatchReport:
    """Do what is left of a batch; write the failed rows and the report.

    Args:
        batch: The corpus and the job.
        plan: What `Batch.plan` gave.
        pool: Workers, started.
        on_record: Called with each unit and its record, in the order of the units.

    Returns:
        The report, also of what was done before.
    """
    report, folder = BatchReport(), batch.folder
    with folder.writer(FAILED) as failed:

        def damaged(row: DamagedRow) -> None:
            report.fail(row.problem, row.place)
            failed.write(json_line({"error": str(row)}))

        rows = usable(batch.rows(), damaged)
        for unit, record in pool.records(units(rows, plan.seconds)):
            report.add(unit, record)
            for number, reason in record.failed:
                entry = manifest_entry(unit.rows[number], None)
                failed.write(json_line({**entry, "error": reason}))
            on_record(unit, record)
    report.deaths = pool.deaths
    folder.write(REPORT, json.dumps(report.to_json(), indent=1) + "\n")
    return report


class ManifestWriter:
    """Joins the rows of units to one manifest.

    Args:
        folder: The output of a batch whose rows are lines of a manifest.
        suffix: Ending of the files with rows.
        file: The manifest, open.

    Attributes:
        speakers: Names of the speakers.
        characters: Characters of the texts.
    """

    def __init__(self, folder: Folder, suffix: str, file: IO[str]) -> None:
        self._folder, self._suffix, self._file = folder, suffix, file
        self.speakers: set[str] = set()
        self.characters: set[str] = set()

    def add(self, unit: Unit, record: Record) -> None:
        """Add the rows of a unit."""
        if record.rows:
            rows = self._folder.read(f"{ROWS}/{unit.name}.{self._suffix}")
            self._file.write(rows or "")
        self.speakers.update(record.facts.get("speakers", ()))
        self.characters.update(record.facts.get("characters", ""))
