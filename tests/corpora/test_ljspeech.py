"""LJ Speech."""

from __future__ import annotations

import pytest

from asr.corpora import detect
from asr.corpora.audiobooks import LJSPEECH
from asr.errors import DataError


@pytest.fixture
def root(tmp_path, text, clip):
    root = tmp_path / "LJ"
    text(
        root / "metadata.csv",
        'LJ001-0024|in 1462, "so|in fourteen sixty-two, "so\n'
        "LJ001-0025|b|b\n\nLJ002-0050|c|c\n",
    )
    clip(root / "wavs/LJ001-0024.wav")
    return root


def test_subsets_and_normalised_text(root):
    assert LJSPEECH.subsets(root) == ["all", "train", "dev"]
    (train,) = LJSPEECH.read(root, "train")
    assert train.text == 'in fourteen sixty-two, "so'
    assert train.audio == root / "wavs/LJ001-0024.wav"
    assert (train.speaker, train.lang, train.id) == ("LJ", "en", "LJ001-0024")
    assert [u.id for u in LJSPEECH.read(root, "dev")] == ["LJ001-0025", "LJ002-0050"]
    assert len(list(LJSPEECH.read(root, "all"))) == 3


@pytest.mark.parametrize("line", ["LJ001-0026|only raw", "LJ|a|a", "LJ1|a|b|c", "x"])
def test_malformed_line(root, line):
    metadata = root / "metadata.csv"
    metadata.write_text(metadata.read_text() + line + "\n")
    with pytest.raises(DataError, match=r"metadata\.csv:5: not `id\|raw\|normalised`"):
        list(LJSPEECH.read(root, "all"))


def test_a_header_is_another_corpus(root, text):
    text(root / "metadata.csv", "file_name,transcription\na.wav,a\n")
    assert LJSPEECH.subsets(root) == []
    assert detect(root) == "audio_folder"
    text(root / "metadata.csv", "")
    assert LJSPEECH.subsets(root) == []


def test_real_ljspeech(speech_data):
    root = speech_data / "LJSpeech-1.1"
    counts = {
        name: len(list(LJSPEECH.read(root, name))) for name in LJSPEECH.subsets(root)
    }
    assert counts == {"all": 385, "train": 370, "dev": 15}
