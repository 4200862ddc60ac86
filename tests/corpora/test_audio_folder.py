"""AudioFolder."""

from __future__ import annotations

import pytest

from asr.corpora.generic import AUDIO_FOLDER
from asr.data.manifest import Utterance
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
    with pytest.raises(DataError, match=r"metadata\.csv:1: no column transcription"):
        list(AUDIO_FOLDER.read(tmp_path, "x"))
    text(path, "file_name,transcription\n,b\n")
    with pytest.raises(DataError, match=r"metadata\.csv:2: no file_name"):
        list(AUDIO_FOLDER.read(tmp_path, "x"))
    with pytest.raises(DataError, match="no subset 'y' here; it has x"):
        list(AUDIO_FOLDER.read(tmp_path, "y"))
