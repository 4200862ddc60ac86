"""Jobs give what `asr transcribe`, `asr evaluate` and `asr prepare` give."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import soundfile

from asr.batch.evaluation import CorpusScores
from asr.batch.jobs import Evaluation, Preparation, Transcription
from asr.batch.storage import Folder
from asr.batch.units import Unit
from asr.batch.worker import Worker
from asr.data.manifest import Utterance, read_manifest, write_manifest
from asr.files import model_path
from asr.storage.model_folder import read_config


@pytest.fixture(scope="module")
def corpus(samples, tmp_path_factory):
    """The samples, one that is damaged, and one without a text."""
    folder = tmp_path_factory.mktemp("corpus")
    rows = list(read_manifest(samples / "manifest.jsonl"))
    for row in rows:
        shutil.copy(row.audio, folder)
    (folder / "damaged.wav").write_text("no sound")
    given = [
        *(
            Utterance(folder / x.audio.name, x.text, x.duration, id=x.id, speaker=x.id)
            for x in rows
        ),
        Utterance(folder / "damaged.wav", "ANY TEXT", 1.0, id="damaged", speaker="no"),
        Utterance(folder / rows[0].audio.name, None, id="silent"),
    ]
    write_manifest(folder / "all.jsonl", given)
    return folder


@pytest.fixture
def do(corpus, tmp_path):
    """Do all rows of the corpus as a unit; return its record and its rows."""
    folder = Folder(str(tmp_path / "out"))
    folder.make("rows", "units", "shards")

    def call(job):
        rows = tuple(read_manifest(corpus / "all.jsonl"))
        unit = Unit(rows, tuple(range(len(rows))), 60.0)
        record = Worker(job, folder.place).do(unit)
        return record, folder.read(f"rows/{unit.name}.{job.suffix}") or ""

    return call


def transcription(**options):
    default = {
        "model": "english",
        "decoding": read_config(model_path("english")).decoding,
        "suffix": "json",
        "vad": True,
        "word_timestamps": False,
        "raw": False,
        "numbers": True,
        "batch_seconds": 60.0,
        "threads": 1,
    }
    return Transcription(**{**default, **options})


def test_recordings_that_cannot_be_fetched_are_scored_as_empty(tmp_path):
    missing = Utterance(Path(f"file://{tmp_path}/none.wav"), "ONE TWO", 1.0, id="none")
    folder = Folder(str(tmp_path / "out"))
    folder.make("rows", "units")
    decoding = read_config(model_path("english")).decoding
    job = Evaluation("english", decoding, "librispeech-1", 60.0, 1)
    record = Worker(job, folder.place).do(Unit((missing,), (0,), 60.0))
    assert len(record.failed) == 1
    scores = CorpusScores("librispeech-1")
    scores.add(Unit((missing,), (0,), 60.0), record)
    values = scores.to_json()
    assert (values["words"], values["deletions"], values["unreadable"]) == (2, 2, 1)


def command_line(capsys, *arguments):
    from asr.cli.main import main

    main([str(argument) for argument in arguments])
    return capsys.readouterr().out


def test_rows_are_those_of_asr_transcribe(do, corpus, capsys):
    record, rows = do(transcription())
    paths = [row.audio for row in read_manifest(corpus / "all.jsonl")][:-1]
    printed = command_line(capsys, "transcribe", *paths, "-f", "json", "--threads", 1)
    expected = {
        entry["audio_filepath"]: entry
        for entry in map(json.loads, printed.splitlines())
    }
    found = [json.loads(line) for line in rows.splitlines()]
    assert len(found) == len(paths)  # without the damaged one, and with the silent one
    for entry in found[:-1]:
        same = expected.pop(entry["audio_filepath"])
        assert {key: entry[key] for key in same} == same
        assert entry["id"] == entry["speaker"]
    assert not expected
    ((number, reason),) = record.failed
    assert number == len(paths) - 1
    assert reason.startswith(f"{corpus}/damaged.wav: ")
    assert record.audio_seconds == pytest.approx(
        sum(x["duration"] for x in found), abs=0.1
    )


def test_rows_of_text_and_their_options(do):
    _, rows = do(transcription(suffix="txt", raw=True))
    assert rows.startswith("river: THE OLD MAN WALKED SLOWLY DOWN TO THE RIVER\n")


def test_counts_are_those_of_asr_evaluate(do, corpus, capsys):
    from asr.batch.evaluation import CorpusScores

    config = read_config(model_path("english"))
    job = Evaluation("english", config.decoding, config.normalizer, 60.0, 1)
    record, rows = do(job)
    printed = command_line(
        capsys, "evaluate", "english", corpus / "all.jsonl", "--json", "--threads", 1,
        "--by", "speaker",
    )  # fmt: skip
    expected = json.loads(printed)
    scores = CorpusScores(config.normalizer)
    given = tuple(read_manifest(corpus / "all.jsonl"))
    middle = len(given) // 2
    scores.add(Unit(given, tuple(range(len(given))), 1.0), record)
    found = scores.to_json(["speaker"])
    for values in (found, expected):
        del values["rtf"]
        values.pop("hint", None)
    assert found == expected
    assert expected["unreadable"] == 1
    assert "WER" in scores.summary(["speaker"])
    reasons = dict(record.failed)
    assert reasons[len(given) - 1] == "no text to compare with"
    entry = json.loads(rows.splitlines()[0])
    assert entry["pred_text"] == entry["text"] == given[0].text
    assert middle


@pytest.mark.parametrize("rate", [None, 8000])
def test_what_is_usable_is_packed(do, tmp_path, rate):
    record, rows = do(Preparation(str(tmp_path / "out"), shards=True, rate=rate))
    assert dict(record.failed) == {
        record.rows: "unreadable audio",
        record.rows + 1: "no text",
    }
    (tmp_path / "out" / "manifest.jsonl").write_text(rows)
    kept = list(read_manifest(tmp_path / "out" / "manifest.jsonl"))
    assert len(kept) == record.rows
    assert record.facts["speakers"] == sorted(x.id for x in kept)
    for row in kept:
        (tmp_path / "clip").write_bytes(row.audio.read())
        info = soundfile.info(tmp_path / "clip")
        assert info.duration == pytest.approx(row.duration, abs=0.1)
        assert rate is None or info.samplerate == rate


def test_what_is_usable_keeps_its_recording(do, corpus, tmp_path):
    _, rows = do(Preparation(str(tmp_path / "out"), shards=False, rate=None))
    first = json.loads(rows.splitlines()[0])
    assert first["audio_filepath"] == str(corpus / "river.wav")
