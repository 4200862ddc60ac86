"""LJ Speech."""

from __future__ import annotations

import pytest

from asr.corpora import detect
from asr.corpora.audiobooks import LJSPEECH
from asr.data.text_files import DamagedRow


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


@pytest.mark.parametrize("line", ["LJ001-0026|only raw", "|a|a", "LJ1|a|b|c", "x"])
def test_malformed_line(root, line):
    metadata = root / "metadata.csv"
    metadata.write_text(metadata.read_text() + line + "\n")
    *others, damaged = LJSPEECH.rows(root, "all")
    assert damaged == DamagedRow(f"{metadata}:5", "not `id|raw|normalised`")
    assert [row.id for row in others] == ["LJ001-0024", "LJ001-0025", "LJ002-0050"]


def test_two_columns_and_names_without_a_number(root, text):
    text(root / "metadata.csv", "hello|Hello there.\nbye-0050|Bye.\na|b|c\n")
    first, second, damaged = LJSPEECH.rows(root, "all")
    assert (first.id, first.text) == ("hello", "Hello there.")
    assert (second.id, second.text) == ("bye-0050", "Bye.")
    assert damaged.problem == "not `id|text`"
    parts = [[u.id for u in LJSPEECH.read(root, part)] for part in ("train", "dev")]
    assert parts == [["hello"], ["bye-0050"]]


def test_a_damaged_first_row_stops_nothing(root, text):
    table = text(root / "metadata.csv", "a-1|one\na-2|two|two\na-3|three|three\n|x|x\n")
    assert LJSPEECH.subsets(root) == ["all", "train"]  # no number divisible by 25
    first, *others, last = LJSPEECH.rows(root, "train")
    assert first == DamagedRow(f"{table}:1", "not `id|raw|normalised`")
    assert last.place == f"{table}:4"
    assert [row.id for row in others] == ["a-2", "a-3"]


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
