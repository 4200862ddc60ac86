"""AudioFolder."""

from __future__ import annotations

import json

import pytest

from asr.corpora import detect
from asr.corpora.generic import AUDIO_FOLDER
from asr.data.manifest import Utterance
from asr.data.text_files import DamagedRow
from asr.errors import DataError


def test_audio_folder(tmp_path, clip, text):
    audio = clip(tmp_path / "train/audio/a.wav")
    rows = 'file_name,transcription,extra\naudio/a.wav,"Yes, ""no""",1\nb.wav, x ,2\n'
    text(tmp_path / "train/metadata.csv", rows)
    text(tmp_path / "dev/metadata.csv", rows)
    text(tmp_path / "other/metadata.csv", "a|b|c\n")
    assert AUDIO_FOLDER.subsets(tmp_path) == ["dev", "train"]
    assert AUDIO_FOLDER.subsets(tmp_path / "dev") == ["dev"]
    assert list(AUDIO_FOLDER.read(tmp_path, "train")) == [
        Utterance(audio, 'Yes, "no"', id="audio/a"),
        Utterance(tmp_path / "train/b.wav", "x", id="b"),
    ]


def test_malformed_audio_folder(tmp_path, text):
    path = text(tmp_path / "x/metadata.csv", "file_name,words\na.wav,b\n")
    with pytest.raises(DataError, match=r"metadata\.csv:1: no column with texts"):
        list(AUDIO_FOLDER.read(tmp_path, "x"))
    text(path, "words,transcription\na.wav,b\n")
    assert AUDIO_FOLDER.subsets(tmp_path) == []
    text(path, "file_name,transcription\n,b\na.wav,b\n")
    first, second = AUDIO_FOLDER.rows(tmp_path, "x")
    assert first == DamagedRow(f"{path}:2", "no file_name in this row")
    assert second.id == "a"
    with pytest.raises(DataError, match="no subset 'y' here; it has x"):
        list(AUDIO_FOLDER.read(tmp_path, "y"))


@pytest.mark.parametrize("column", ["text", "sentence", "transcript"])
def test_other_columns(tmp_path, text, column):
    rows = f"file_name,speaker,{column},language\na.wav,ann,Hello.,en\nb.wav,,Bye.,\n"
    text(tmp_path / "data/train/metadata.csv", rows)
    assert AUDIO_FOLDER.subsets(tmp_path) == ["train"]
    folder = tmp_path / "data/train"
    assert list(AUDIO_FOLDER.read(tmp_path, "train")) == [
        Utterance(folder / "a.wav", "Hello.", speaker="ann", lang="en", id="a"),
        Utterance(folder / "b.wav", "Bye.", id="b"),
    ]


def test_json_lines(tmp_path, text):
    lines = [
        {"file_name": "clips/a.wav", "text": " Hello. ", "speaker_id": 7},
        {"file_name": "b.wav"},
        {"text": "no file"},
    ]
    content = "\n".join(map(json.dumps, lines)) + "\n{\n"
    table = text(tmp_path / "data/test/metadata.jsonl", content)
    assert detect(tmp_path) == "audio_folder"
    first, second, *damaged = AUDIO_FOLDER.rows(tmp_path, "test")
    audio = tmp_path / "data/test/clips/a.wav"
    assert first == Utterance(audio, "Hello.", speaker="7", id="clips/a")
    assert second.text is None
    assert [row.place for row in damaged] == [f"{table}:3", f"{table}:4"]
    assert damaged[0].problem == "no file_name in this row"


def test_a_damaged_first_row_stops_nothing(tmp_path, text):
    row = json.dumps({"file_name": "a.wav", "text": "Hello."})
    table = text(tmp_path / "metadata.jsonl", f"oops\n{row}\n")
    damaged, found = AUDIO_FOLDER.rows(tmp_path, tmp_path.name)
    assert damaged.place == f"{table}:1"
    assert found.text == "Hello."


def test_an_empty_column_gives_way_to_the_next(tmp_path, text):
    text(tmp_path / "metadata.csv", "file_name,transcription,text\na.wav,,Hello.\n")
    (found,) = AUDIO_FOLDER.rows(tmp_path, tmp_path.name)
    assert found.text == "Hello."
