"""`asr batch` with two workers: results, a driver that is killed, and its options."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import replace

import pytest

from asr.data.manifest import Utterance, read_manifest, write_manifest

SHORT = [
    "--output-format", "txt", "--raw", "--workers", "2",
]  # fmt: skip


@pytest.fixture(scope="module")
def ray_here():
    pytest.importorskip("ray", reason="needs Ray, the extra cluster")
    from tests.ray_cluster import two_cores

    with two_cores():
        yield


@pytest.fixture(scope="module")
def corpus(samples, tmp_path_factory):
    """A manifest of 24 clips with texts, and a file that is none."""
    folder = tmp_path_factory.mktemp("corpus")
    (folder / "bad.wav").write_text("no sound")
    rows = list(read_manifest(samples / "manifest.jsonl"))[:3]
    given = [Utterance(folder / "bad.wav", "TEXT", 30.0, id="bad")]
    for number in range(24):
        row = rows[number % len(rows)]
        path = folder / f"{number:02}{row.audio.suffix}"
        shutil.copy(row.audio, path)
        # Said to be long, so that there are several units.
        given.append(
            Utterance(path, row.text, 30.0 + number, id=path.stem, speaker="a")
        )
    write_manifest(folder / "all.jsonl", given)
    return folder / "all.jsonl"


def rows_of(output) -> list[str]:
    files = (output / "rows").iterdir()
    return sorted(line for file in files for line in file.read_text().splitlines())


def test_a_folder_is_transcribed_by_two_workers(run, ray_here, corpus, tmp_path):
    ended = run("batch", "transcribe", corpus, "--output", tmp_path / "out", *SHORT)
    assert ended.status == 4  # the bad one
    assert ended.out.startswith("recordings 24 done, 1 failed\n")
    assert ended.err == ""
    rows = rows_of(tmp_path / "out")
    assert [row[:3] for row in rows] == [f"{number:02}:" for number in range(24)]
    assert rows[0] == "00: THE OLD MAN WALKED SLOWLY DOWN TO THE RIVER"
    report = json.loads((tmp_path / "out" / "report.json").read_text())
    assert (report["rows"], report["failed"], report["found"]) == (24, 1, 0)
    (failed,) = (tmp_path / "out" / "failed.jsonl").read_text().splitlines()
    assert json.loads(failed)["id"] == "bad"

    again = run("batch", "transcribe", corpus, "--output", tmp_path / "out", *SHORT)
    assert again.status == 2
    assert "has results already; add --resume" in again.err
    resumed = run(
        "batch", "transcribe", corpus, "--output", tmp_path / "out", *SHORT, "--resume",
        "--json", "--json-progress",
    )  # fmt: skip
    values = json.loads(resumed.out)
    assert values["found"] == values["units"] == report["units"] > 2
    assert values["rows"] == 24
    assert json.loads(resumed.err.splitlines()[-1])["speed"] == 0.0
    other = run(
        "batch", "transcribe", corpus, "--output", tmp_path / "out", *SHORT, "--resume",
        "--no-vad",
    )  # fmt: skip
    assert other.status == 2
    assert "has results with another vad; give the same options" in other.err


def test_scores_are_those_of_asr_evaluate(run, ray_here, corpus, tmp_path):
    ended = run(
        "batch", "evaluate", "english", corpus, "-o", tmp_path / "out",
        "--workers", 2, "--json", "--by", "speaker",
    )  # fmt: skip
    assert ended.err == ""
    assert ended.status == 0
    expected = json.loads(
        run("evaluate", "english", corpus, "--json", "--by", "speaker").out
    )
    found = json.loads(ended.out)
    assert found.pop("batch")["failed"] == 1
    for values in (found, expected):
        del values["rtf"]
    assert found == expected
    assert len(rows_of(tmp_path / "out")) == 25


def test_a_corpus_is_prepared_by_two_workers(run, ray_here, corpus, tmp_path):
    rows = [replace(row, duration=None) for row in read_manifest(corpus)]
    write_manifest(tmp_path / "rows.jsonl", rows)
    ended = run(
        "batch", "prepare", tmp_path / "rows.jsonl", "-o", f"file://{tmp_path}/out",
        "--workers", 2, "--shards", "--rate", 8000, "--json",
    )  # fmt: skip
    assert ended.status == 0
    values = json.loads(ended.out)
    assert values["reasons"] == {"unreadable audio": 1}
    kept = list(read_manifest(tmp_path / "out" / "manifest.jsonl"))
    assert len(kept) == values["rows"] == 24


def test_rows_that_are_not_as_they_say_are_left_out(run, ray_here, corpus, tmp_path):
    out = tmp_path / "out"
    ended = run("batch", "prepare", corpus, "-o", f"file://{out}", "--workers", 2)
    assert ended.status == 0
    # Their true lengths are far from those in the manifest.
    assert not list(read_manifest(out / "manifest.jsonl"))


def test_a_killed_driver_goes_on(corpus, tmp_path):
    pytest.importorskip("ray", reason="needs Ray, the extra cluster")
    command = [
        sys.executable, "-m", "asr", "batch", "transcribe", str(corpus), "--output",
        str(tmp_path / "out"), *SHORT, "--json", "--resume",
    ]  # fmt: skip
    first = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    units = tmp_path / "out" / "units"
    while not (units.is_dir() and any(units.glob("*.json"))):
        assert first.poll() is None, first.stdout.read()
        time.sleep(0.05)
    first.send_signal(signal.SIGKILL)
    first.communicate()
    time.sleep(1)
    before = {path: path.stat().st_mtime_ns for path in units.glob("*.json")}
    second = subprocess.run(command, capture_output=True, text=True, check=False)
    assert second.stderr == "", second.stderr
    values = json.loads(second.stdout)
    assert values["rows"] == 24
    assert values["found"] >= len(before) > 0
    assert {path: path.stat().st_mtime_ns for path in before} == before
    assert len(rows_of(tmp_path / "out")) == 24


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ["transcribe", "x.jsonl", "-f", "txt", "--word-timestamps"],
            "--word-timestamps are in json; leave out --output-format txt",
        ),
        (["transcribe", "missing.jsonl"], "missing.jsonl: No such file or directory"),
        (["prepare", "x.jsonl", "--rate", "8000"], "--rate resamples what is packed"),
        (["evaluate", "en-fr", "x.jsonl"], "en-fr: not for speech; use asr evaluate"),
        (["transcribe", "."], "no recordings in this folder"),
    ],
)
def test_what_cannot_work_is_refused_at_once(
    run, tmp_path, monkeypatch, arguments, message
):
    monkeypatch.chdir(tmp_path)
    ended = run("batch", *arguments, "--output", tmp_path / "out")
    assert ended.status
    assert message in ended.err
    assert ended.err.count("\n") == 1
    assert not (tmp_path / "out" / "batch.json").exists()


def test_ray_is_an_extra(run, corpus, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    ended = run("batch", "transcribe", corpus, "--output", tmp_path / "out")
    assert ended.err == (
        "error: this command needs the package ray: "
        "pip install 'asr-attention[cluster]'\n"
    )
