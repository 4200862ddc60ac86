"""Sums over records, by worker and by reason."""

from __future__ import annotations

from pathlib import Path

from asr.batch.report import BatchReport
from asr.batch.units import Unit
from asr.batch.worker import Record
from asr.data.manifest import Utterance


def unit_of(*names: str) -> Unit:
    rows = tuple(Utterance(Path(name), None) for name in names)
    return Unit(rows, tuple(range(len(rows))), 1.0)


def test_sums_and_workers():
    report = BatchReport()
    first = Record(2, [(1, "b.wav: no sound")], 3600.0, 36.0, "one:1")
    report.add(unit_of("a.wav", "b.wav", "c.wav"), first)
    second = Record(1, [(0, "d.wav: no sound")], 1800.0, 72.0, "two:2", found=True)
    report.add(unit_of("d.wav", "e.wav"), second)
    values = report.to_json()
    assert values == {
        "units": 2,
        "rows": 3,
        "hours": 1.5,
        "rtf": 0.02,
        "failed": 2,
        "reasons": {"no sound": 2},
        "found": 1,
        "deaths": 0,
        "workers": {
            "one:1": {"units": 1, "rows": 2, "hours": 1.0, "rtf": 0.01},
            "two:2": {"units": 1, "rows": 1, "hours": 0.5, "rtf": 0.04},
        },
    }
    assert report.summary().splitlines() == [
        "recordings 3 done, 2 failed",
        "length     1.50 h, real-time factor 0.0200 a worker",
        "units      2, 1 of them done before",
        "workers    2; 0 died and were replaced",
        "failed     2: no sound",
    ]


def test_reasons_of_any_number_take_little_room():
    report = BatchReport()
    for number in range(1000):
        report.fail(f"reason {number}", "name")
    assert len(report.reasons) == 101
    assert report.reasons["other reasons"] == 900
    assert report.failed == 1000


def test_without_audio_there_is_no_real_time_factor():
    report = BatchReport()
    report.add(unit_of("a.wav"), Record(0, [(0, "a.wav: no sound")], 0.0, 1.0, "one"))
    assert report.to_json()["rtf"] is None
    assert "real-time factor" not in report.summary()


def test_recordings_at_addresses_have_one_reason():
    report = BatchReport()
    names = [f"gs://bucket/{number}.wav" for number in range(5)]
    failed = [(number, f"{name}: no such file") for number, name in enumerate(names)]
    report.add(unit_of(*names), Record(0, failed))
    assert report.reasons == {"no such file": 5}
