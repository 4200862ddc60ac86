"""LibriSpeech's layout."""

from __future__ import annotations

import pytest

from asr.corpora.audiobooks import LIBRISPEECH
from asr.data.manifest import Utterance
from asr.data.text_files import DamagedRow
from asr.errors import DataError


@pytest.fixture
def root(tmp_path, text, clip):
    chapter = tmp_path / "LibriSpeech/dev-clean/84/121123"
    text(chapter / "84-121123.trans.txt", "84-121123-0001 GO ON\n84-121123-0000 NO\n")
    clip(chapter / "84-121123-0000.flac")
    clip(chapter / "84-121123-0001.wav")
    text(tmp_path / "LibriSpeech/test-other/1/2/1-2.trans.txt", "1-2-0000 YES\n")
    (tmp_path / "LibriSpeech/alignments").mkdir()
    text(tmp_path / "LibriSpeech/SPEAKERS.TXT", ";ID |SEX\n")
    return tmp_path / "LibriSpeech"


def test_subsets_are_the_folders_with_transcripts(root):
    assert LIBRISPEECH.subsets(root) == ["dev-clean", "test-other"]
    with pytest.raises(
        DataError, match=r"no subset 'dev'.*it has dev-clean, test-other"
    ):
        list(LIBRISPEECH.read(root, "dev"))


def test_clips_of_any_format_sorted_by_id(root):
    chapter = root / "dev-clean/84/121123"
    names = "84-121123-0000", "84-121123-0001"
    assert list(LIBRISPEECH.read(root, "dev-clean")) == [
        Utterance(chapter / f"{names[0]}.flac", "NO", None, 0.0, "84", "en", names[0]),
        Utterance(
            chapter / f"{names[1]}.wav", "GO ON", None, 0.0, "84", "en", names[1]
        ),
    ]


def test_root_may_be_one_subset(root, monkeypatch):
    assert LIBRISPEECH.subsets(root / "dev-clean") == ["dev-clean"]
    monkeypatch.chdir(root / "dev-clean")
    here = type(root)()
    assert LIBRISPEECH.subsets(here) == ["dev-clean"]
    assert len(list(LIBRISPEECH.read(here, "dev-clean"))) == 2


def test_clips_without_text_and_text_without_clips_are_passed_on(root, clip):
    chapter = root / "test-other/1/2"
    clip(chapter / "1-2-0001.flac")
    found = list(LIBRISPEECH.read(root, "test-other"))
    assert [(u.id, u.text, u.audio.exists()) for u in found] == [
        ("1-2-0000", "YES", False),
        ("1-2-0001", None, True),
    ]


def test_chapter_without_transcripts(root, clip):
    (root / "dev-clean/84/9").mkdir()  # nothing in it: nothing is missed
    assert len(list(LIBRISPEECH.read(root, "dev-clean"))) == 2
    clip(root / "dev-clean/85/7/85-7-0000.flac")
    rows = list(LIBRISPEECH.rows(root, "dev-clean"))
    missing = root / "dev-clean/85/7/85-7.trans.txt"
    assert DamagedRow(str(missing), "missing, for 1 clips") in rows
    assert len(rows) == 3


def test_real_librispeech(speech_data):
    root = speech_data / "LibriSpeech"
    counts = {
        s: len(list(LIBRISPEECH.read(root, s))) for s in LIBRISPEECH.subsets(root)
    }
    assert counts["train-clean-5"] == 1519
    assert {u.speaker for u in LIBRISPEECH.read(root, "train-clean-100")} == {
        "4088",
        "4406",
        "8226",
    }
