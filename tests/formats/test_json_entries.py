"""Names of entries in JSON, and pairs by recording."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from asr.errors import DataError
from asr.formats.json_entries import entry_name
from asr.formats.readers import read_hypotheses, read_references
from asr.metrics.wer import pair


@pytest.mark.parametrize(
    ("entry", "name"),
    [
        ({"id": 0, "audio_filepath": "a.wav"}, "0"),
        ({"id": 1272, "offset": 3}, "1272"),
        ({"id": "", "audio_filepath": "a.wav"}, "a.wav"),
        ({"audio_filepath": "a.wav", "offset": 0}, "a.wav"),
        ({"audio_filepath": "a.wav", "offset": 2.5}, "a.wav@2.5"),
        ({"audio_filepath": "a.wav", "offset": 2}, "a.wav@2.0"),
        ({"audio_filepath": "a.wav", "offset": None}, "a.wav"),
        ({"audio_filepath": "a", "shard": {"position": 7, "size": 2}}, "a#7"),
        ({"offset": 1}, None),
    ],
)
def test_names(entry: dict[str, Any], name: str | None) -> None:
    assert entry_name(entry) == name


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ({"id": 1.5}, "id is 1.5; it must be a string"),
        ({"id": True}, "id is true"),
        ({"audio_filepath": ["a"]}, "audio_filepath is"),
        ({"id": "a", "offset": "1"}, 'offset is "1"; it must be a number of seconds'),
        ({"id": "a", "offset": -1}, "offset is -1"),
        ({"id": "a", "offset": 10**400}, "offset is 1000"),
    ],
)
def test_wrong_types(entry: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message) as caught:
        entry_name(entry)
    assert len(str(caught.value)) < 300


def paired(
    folder: Path, references: list[dict[str, Any]], hypotheses: list[dict[str, Any]]
) -> list[tuple[str, str]]:
    for name, entries in (("ref", references), ("hyp", hypotheses)):
        lines = [json.dumps({"text": "", **entry}) + "\n" for entry in entries]
        (folder / name).write_text("".join(lines))
    read = read_references(folder / "ref")
    pairs = pair(read.texts, read_hypotheses(folder / "hyp", read), allow_extra=True)
    return list(zip(pairs.references, pairs.hypotheses, strict=True))


REFERENCES = [
    {"audio_filepath": "wav/a/1.wav", "text": "A1"},
    {"audio_filepath": "wav/b/1.wav", "text": "B1"},
    {"id": "utt-2", "audio_filepath": "wav/a/2.wav", "text": "2"},
    {"id": 3, "audio_filepath": "x.wav", "text": "3"},
]


@pytest.mark.parametrize(
    "hypotheses",
    [
        ["wav/a/1.wav", "wav/b/1.wav", "wav/a/2.wav", "x.wav"],
        ["/data/wav/a/1.flac", "/data/wav/b/1.flac", "2.json", "/y/x"],
        ["a/1.wav", "b/1.wav", "other/2.wav", "x.mp3"],
    ],
)
def test_recordings_are_found_by_their_names(
    tmp_path: Path, hypotheses: list[str]
) -> None:
    texts = ["A1", "B1", "2", "3"]
    entries = [
        {"audio_filepath": path, "text": text}
        for path, text in zip(hypotheses, texts, strict=True)
    ]
    assert paired(tmp_path, REFERENCES, entries[::-1]) == [(x, x) for x in texts]


def test_a_name_may_be_that_of_the_recording(tmp_path: Path) -> None:
    entries = [{"id": "84-121-0", "text": "A"}, {"id": "84-121-1", "text": "B"}]
    found = [
        {"audio_filepath": "/x/84-121-1.flac", "text": "B"},
        {"audio_filepath": "/x/84-121-0.flac", "text": "A"},
    ]
    assert paired(tmp_path, entries, found) == [("A", "A"), ("B", "B")]


def test_stretches_are_told_apart(tmp_path: Path) -> None:
    entries = [
        {"audio_filepath": "a.wav", "offset": offset, "duration": 2, "text": text}
        for offset, text in [(0, "A"), (2, "B"), (4.5, "C")]
    ]
    found = [{**x, "audio_filepath": "/x/a.flac"} for x in entries[::-1]]
    assert paired(tmp_path, entries, found) == [("A", "A"), ("B", "B"), ("C", "C")]
    # The text of the whole recording belongs to none of them but the first.
    whole = [{"audio_filepath": "/x/a.flac", "text": "A"}]
    assert paired(tmp_path, entries, whole) == [("A", "A"), ("B", ""), ("C", "")]


def test_an_ambiguous_recording_has_no_reference(tmp_path: Path) -> None:
    found = [{"audio_filepath": "1.wav", "text": "?"}, {"id": 3, "text": "3"}]
    assert [x[1] for x in paired(tmp_path, REFERENCES, found)] == ["", "", "", "3"]


def test_two_hypotheses_of_one_recording(tmp_path: Path) -> None:
    found = [{"audio_filepath": path} for path in ("x.wav", "x.flac")]
    with pytest.raises(DataError, match="both belong to the reference '3'"):
        paired(tmp_path, REFERENCES, found)
