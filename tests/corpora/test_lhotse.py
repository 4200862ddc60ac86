"""Cuts of lhotse."""

from __future__ import annotations

import gzip
import json

import pytest

from asr.corpora import detect
from asr.corpora.lhotse import LHOTSE
from asr.corpora.prepare import Preparation
from asr.errors import DataError

CUT = {
    "id": "cut-1",
    "start": 10.0,
    "duration": 5.0,
    "channel": 0,
    "supervisions": [
        {"id": "s1", "recording_id": "r", "start": 0.5, "duration": 1.5,
         "channel": 0, "text": "HELLO", "language": "English", "speaker": "ann"},
        {"id": "s2", "recording_id": "r", "start": 3.0, "duration": 1.0, "channel": 0},
    ],
    "recording": {
        "id": "r",
        "sources": [{"type": "file", "channels": [0], "source": "audio/r.flac"}],
        "sampling_rate": 16000, "num_samples": 320000, "duration": 20.0,
    },
    "type": "MonoCut",
}  # fmt: skip


@pytest.mark.parametrize("name", ["libri_cuts_dev.jsonl.gz", "cuts_dev.jsonl"])
def test_supervisions_with_text_are_utterances(tmp_path, name):
    line = json.dumps(CUT).encode() + b"\n\n"
    content = gzip.compress(line) if name.endswith(".gz") else line
    (tmp_path / name).write_bytes(content)
    assert detect(tmp_path) == "lhotse"
    assert LHOTSE.subsets(tmp_path) == LHOTSE.subsets(tmp_path / name) == ["dev"]
    (found,) = LHOTSE.read(tmp_path, "dev")
    assert found.audio == tmp_path / "audio/r.flac"
    assert (found.offset, found.duration) == (10.5, 1.5)
    assert (found.text, found.speaker, found.id) == ("HELLO", "ann", "s1")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"recording": None}, "not a lhotse cut"),
        ({"supervisions": None}, "not a lhotse cut"),
        ({"start": "soon"}, "could not convert string to float: 'soon'"),
        (
            {"recording": CUT["recording"] | {"transforms": [{"name": "Speed"}]}},
            "no transforms",
        ),
        (
            {"recording": {"sources": [{"type": "command", "source": "sox a.wav |"}]}},
            "must be a file, got type 'command'",
        ),
    ],
)
def test_malformed_cuts_are_damaged_rows(tmp_path, changes, message):
    lines = [json.dumps(CUT), json.dumps(CUT | changes)]
    path = tmp_path / "cuts.jsonl"
    path.write_text("\n".join(lines))
    good, damaged = LHOTSE.rows(tmp_path, "cuts")
    assert good.id == "s1"
    assert damaged.place == f"{path}:2"
    assert message in damaged.problem


@pytest.mark.parametrize("kind", ["MixedCut", "MultiCut", "PaddingCut"])
def test_other_cuts_are_named(tmp_path, kind, caplog):
    lines = [json.dumps(CUT), json.dumps({"id": "cut-7", "type": kind, "tracks": []})]
    path = tmp_path / "cuts.jsonl"
    path.write_text("\n".join(lines))
    assert [u.id for u in LHOTSE.read(tmp_path, "cuts")] == ["s1"]
    text = f"{path}:2: cut-7 is a {kind}; only MonoCut is read"
    assert caplog.messages == [f"left out 1 damaged rows: {text}"]


def recording(*sources):
    kept = {"id": "r", "sampling_rate": 16000, "num_samples": 320000, "duration": 20.0}
    return kept | {"sources": list(sources)}


BOTH = {"type": "file", "channels": [0, 1], "source": "both.wav"}
LEFT = {"type": "file", "channels": [0], "source": "left.wav"}
RIGHT = {"type": "file", "channels": [1], "source": "right.wav"}


@pytest.mark.parametrize(
    ("sources", "number", "name", "channel"),
    [
        ([BOTH], 0, "both.wav", 1),
        ([BOTH], 1, "both.wav", 2),
        ([LEFT, RIGHT], 1, "right.wav", None),
        ([LEFT, RIGHT], 0, "left.wav", None),
    ],
)
def test_channels(tmp_path, sources, number, name, channel):
    cut = CUT | {"channel": number, "recording": recording(*sources)}
    (tmp_path / "cuts.jsonl").write_text(json.dumps(cut))
    (found,) = LHOTSE.rows(tmp_path, "cuts")
    assert (found.audio.name, found.channel) == (name, channel)


def test_a_channel_that_is_not_there(tmp_path):
    cut = CUT | {"channel": 2, "recording": recording(LEFT, RIGHT)}
    (tmp_path / "cuts.jsonl").write_text(json.dumps(cut))
    (damaged,) = LHOTSE.rows(tmp_path, "cuts")
    assert damaged.problem == "no channel 2 in recording 'r'"


@pytest.mark.parametrize(
    ("stem", "subset"),
    [("{}_dev", "dev"), ("libri_{}_dev-clean", "dev-clean"), ("{}", "all")],
)
def test_recordings_and_supervisions(tmp_path, stem, subset):
    entries = [
        CUT["supervisions"][0] | {"start": 2.5, "channel": 1},
        CUT["supervisions"][1],
        CUT["supervisions"][0] | {"id": "s3", "recording_id": "gone"},
        CUT["supervisions"][0] | {"id": "s4", "channel": [0, 1]},
    ]
    lines = "\n".join(map(json.dumps, entries)).encode()
    path = tmp_path / f"{stem.format('supervisions')}.jsonl.gz"
    path.write_bytes(gzip.compress(lines))
    recordings = gzip.compress(json.dumps(recording(BOTH)).encode())
    (tmp_path / f"{stem.format('recordings')}.jsonl.gz").write_bytes(recordings)
    assert detect(tmp_path) == "lhotse"
    assert LHOTSE.subsets(tmp_path) == [subset]
    first, missing, several = LHOTSE.rows(tmp_path, subset)
    assert (first.offset, first.duration, first.channel) == (2.5, 1.5, 2)
    assert first.audio == tmp_path / "both.wav"
    assert str(missing) == f"{path}:3: s3: no recording 'gone'"
    assert several.problem == "s4 has several channels: [0, 1]"


def test_cuts_come_before_recordings_of_the_same_subset(tmp_path):
    (tmp_path / "cuts_dev.jsonl").write_text(json.dumps(CUT))
    (tmp_path / "recordings_dev.jsonl").write_text(json.dumps(CUT["recording"]))
    supervision = json.dumps(CUT["supervisions"][0])
    (tmp_path / "supervisions_dev.jsonl").write_text(supervision)
    (found,) = LHOTSE.rows(tmp_path, "dev")
    assert found.offset == 10.5


def test_paths_are_relative_to_the_working_directory_too(tmp_path, monkeypatch, clip):
    (tmp_path / "manifests").mkdir()
    path = tmp_path / "manifests/cuts_dev.jsonl"
    path.write_text(json.dumps(CUT))
    expected = clip(tmp_path / "work/audio/r.flac")
    monkeypatch.chdir(tmp_path / "work")
    (found,) = LHOTSE.rows(path, "dev")
    assert found.audio.resolve() == expected
    monkeypatch.chdir(tmp_path)
    with pytest.raises(
        DataError, match=f"missing audio .s1 .{tmp_path}/manifests/audio/r"
    ):
        list(Preparation("lhotse", path, "dev"))
