"""Workers write each unit once, its record last."""

from __future__ import annotations

from pathlib import Path

import pytest

from asr.batch.storage import Folder
from asr.batch.units import Unit
from asr.batch.worker import Worker, read_record, record_name
from asr.data.manifest import Utterance
from tests.ray_cluster import NamesJob

ROWS = tuple(
    Utterance(Path(f"{name}.wav"), None, duration=2.0, id=name) for name in ("a", "bad")
)
UNIT = Unit(ROWS, (0, 1), 4.0)


@pytest.fixture
def folder(tmp_path):
    found = Folder(str(tmp_path))
    found.make("rows", "units")
    return found


def test_a_unit_is_done_once(folder):
    worker = Worker(NamesJob(), folder.place)
    record = worker.do(UNIT)
    assert (record.rows, record.audio_seconds, record.found) == (1, 2.0, False)
    assert record.failed == [(1, "bad.wav: no sound")]
    assert record.worker == worker.name
    assert folder.read(f"rows/{UNIT.name}.txt") == "a\n"
    folder.write(f"rows/{UNIT.name}.txt", "untouched\n")
    again = worker.do(UNIT)
    assert again.found
    assert (again.rows, again.audio_seconds) == (1, 2.0)
    assert [tuple(x) for x in again.failed] == record.failed
    assert folder.read(f"rows/{UNIT.name}.txt") == "untouched\n"


def test_rows_without_a_record_are_done_again(folder):
    folder.write(f"rows/{UNIT.name}.txt", "of a worker that was killed\n")
    assert read_record(folder, UNIT) is None
    assert not Worker(NamesJob(), folder.place).do(UNIT).found
    assert folder.read(f"rows/{UNIT.name}.txt") == "a\n"
    assert folder.read(record_name(UNIT)) is not None


def test_a_unit_that_fails_leaves_no_record(folder):
    broken = Unit((Utterance(Path("x"), None, id="raise"),), (0,), 1.0)
    with pytest.raises(RuntimeError):
        Worker(NamesJob(), folder.place).do(broken)
    assert read_record(folder, broken) is None


def test_a_unit_without_rows_has_a_record_alone(folder):
    unit = Unit(ROWS[1:], (0,), 1.0)
    assert Worker(NamesJob(), folder.place).do(unit).rows == 0
    assert folder.read(f"rows/{unit.name}.txt") is None
    assert read_record(folder, unit).failed == [[0, "bad.wav: no sound"]]
