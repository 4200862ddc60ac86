"""Cuts of lhotse."""

from __future__ import annotations

import gzip
import json

import pytest

from asr.corpora import detect
from asr.corpora.generic import LHOTSE
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
        ({"start": "soon"}, "not a lhotse cut"),
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
def test_malformed_cuts_are_refused(tmp_path, changes, message):
    lines = [json.dumps(CUT), json.dumps(CUT | changes)]
    (tmp_path / "cuts.jsonl").write_text("\n".join(lines))
    with pytest.raises(DataError, match=rf"cuts\.jsonl:2: .*{message}"):
        list(LHOTSE.read(tmp_path, "cuts"))
