"""Units on workers of Ray: order, retries, and recordings that kill their worker."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest.importorskip("ray", reason="needs Ray, the extra cluster")

from asr.batch.pool import Pool
from asr.batch.storage import Folder
from asr.batch.units import Unit, units
from asr.batch.worker import RECORDS, ROWS
from asr.data.manifest import Utterance
from asr.errors import ModelError, UsageError
from tests.ray_cluster import NamesJob, two_cores


@pytest.fixture(scope="module")
def ray_here():
    with two_cores():
        yield


def unit_of(*names: str) -> Unit:
    rows = tuple(Utterance(Path(f"{x}.wav"), None, duration=1.0, id=x) for x in names)
    return Unit(rows, tuple(range(len(rows))), float(len(rows)))


def done(output, given, job=None):
    Folder(str(output)).make(ROWS, RECORDS)
    pool = Pool(job or NamesJob(), str(output), workers=2)
    pool.start()
    with pool:
        return list(pool.records(given)), pool


def lines(output: Path) -> list[str]:
    files = (output / ROWS).iterdir()
    return sorted(line for file in files for line in file.read_text().split())


def test_units_come_back_in_their_order(ray_here, tmp_path):
    rows = [
        Utterance(Path(f"{x}.wav"), None, duration=1.0, id=f"{x}") for x in range(60)
    ]
    given = list(units(rows, 3.0))
    records, pool = done(tmp_path, given)
    assert [unit.name for unit, _ in records] == [unit.name for unit in given]
    assert lines(tmp_path) == sorted(row.id for row in rows)
    assert len({record.worker for _, record in records}) <= 2
    assert pool.deaths == 0


def test_a_recording_that_kills_workers_costs_only_its_own_line(ray_here, tmp_path):
    given = [unit_of("a", "b"), unit_of("c", "kill", "d", "bad"), unit_of("e")]
    records, pool = done(tmp_path, given)
    assert lines(tmp_path) == ["a", "b", "c", "d", "e"]
    failed = {
        unit.rows[number].id: reason
        for unit, record in records
        for number, reason in record.failed
    }
    assert failed == {"kill": "the worker died, 3 times", "bad": "bad.wav: no sound"}
    # Halves take the place of their unit.
    assert [row.id for unit, _ in records for row in unit.rows] == [
        "a", "b", "c", "kill", "d", "bad", "e",
    ]  # fmt: skip
    assert pool.deaths == 5  # three times the unit, its half, and the recording
    again, pool = done(tmp_path, given)
    assert pool.deaths == 0
    assert all(record.found for _, record in again)
    assert [unit.name for unit, _ in again] == [unit.name for unit, _ in records]


def test_a_fault_costs_only_its_own_line(ray_here, tmp_path):
    records, pool = done(tmp_path, [unit_of("a", "raise")])
    assert lines(tmp_path) == ["a"]
    reasons = [reason for _, record in records for _, reason in record.failed]
    assert reasons == ["RuntimeError: a fault, 3 times"]
    assert pool.deaths == 0


def test_what_users_can_mend_ends_the_batch(ray_here, tmp_path):
    with pytest.raises(ModelError, match="no such model"):
        done(tmp_path, [unit_of("a")], NamesJob(missing=True))


def test_no_cluster_is_a_usage_error(tmp_path, monkeypatch):
    def refuse(**_):
        raise ConnectionError("nothing answers\n and more")

    monkeypatch.setattr("ray.init", refuse)
    monkeypatch.setattr("ray.is_initialized", lambda: False)
    pool = Pool(NamesJob(), str(tmp_path), "ray://nowhere:1")
    with pytest.raises(UsageError) as raised:
        pool.start()
    assert str(raised.value) == (
        "no Ray cluster at ray://nowhere:1: nothing answers; if it asks for a token, "
        "set RAY_AUTH_MODE=token"
    )
