"""Common code of the readers, and properties of every reader."""

from __future__ import annotations

import pytest

from asr.corpora import CORPORA, corpus, detect
from asr.corpora.base import Clips, read_rows, read_table
from asr.data.text_files import DamagedRow, usable
from asr.errors import DataError, UsageError

REAL = {
    "LibriSpeech": "librispeech",
    "LibriSpeech/test-clean": "librispeech",
    "speechocean762": "kaldi",
    "speechocean762/dev": "kaldi",
    "an4": "an4",
    "kathleen": "audio_folder",
    "kathleen/dev": "audio_folder",
    "LJSpeech-1.1": "ljspeech",
    "LJ-second-speaker": "ljspeech",
    "common-voice": "common_voice",
    "common-voice/en": "common_voice",
    "speech-commands": "speech_commands",
    "free-spoken-digit": "free_spoken_digit",
    "free-spoken-digit/recordings": "free_spoken_digit",
}


def test_names():
    assert list(CORPORA) == [
        "an4",
        "librispeech",
        "libritts",
        "kaldi",
        "speechocean762",
        "ljspeech",
        "common_voice",
        "free_spoken_digit",
        "speech_commands",
        "vctk",
        "tedlium",
        "voxpopuli",
        "audio_folder",
        "lhotse",
        "jsonl",
    ]
    assert all(corpus(name) is CORPORA[name] for name in CORPORA)
    assert all(CORPORA[name].name == name for name in CORPORA)


def test_an_unknown_name_suggests_the_nearest():
    with pytest.raises(UsageError, match="did you mean 'librispeech'"):
        corpus("librispech")
    with pytest.raises(UsageError, match="takes one of: an4"):
        corpus("zzz")


@pytest.mark.parametrize("name", CORPORA)
def test_every_reader_refuses_missing_corpora(tmp_path, name):
    known = CORPORA[name]
    for root in (tmp_path / "gone", tmp_path):
        assert known.subsets(root) == []
        with pytest.raises(DataError) as caught:
            list(known.read(root, "train"))
        assert str(caught.value).startswith(f"{root}: ")


def test_detect_refuses_unknown_folders(tmp_path, text):
    with pytest.raises(DataError, match="no corpus of a known kind; known: an4"):
        detect(tmp_path)
    with pytest.raises(DataError, match="no such file or folder"):
        detect(tmp_path / "gone")
    notes = text(tmp_path / "notes.txt", "x")
    assert detect(notes) == "jsonl"  # no other corpus is a file
    with pytest.raises(DataError, match=r"notes\.txt:1: not JSON"):
        list(CORPORA["jsonl"].read(notes, "all"))


@pytest.mark.parametrize("folder", REAL)
def test_real_corpora_are_detected_and_read(speech_data, folder):
    root = speech_data / folder
    name = detect(root)
    assert name == REAL[folder]
    for subset in CORPORA[name].subsets(root):
        utterances = list(CORPORA[name].read(root, subset))
        assert utterances
        assert all(u.audio.is_file() and u.text and u.id for u in utterances)
        assert len({u.id for u in utterances}) == len(utterances)
        assert utterances == list(CORPORA[name].read(root, subset))


def test_clips_are_found_with_any_extension(tmp_path, clip):
    audio = clip(tmp_path / "a.b.flac")
    clip(tmp_path / "c.WAV")
    (tmp_path / "a.b.txt").touch()
    clips = Clips()
    assert clips.find(tmp_path / "a.b.wav") == audio
    assert clips.find(tmp_path / "c.wav").name == "c.WAV"
    assert clips.find(tmp_path / "gone.wav") == tmp_path / "gone.wav"
    assert clips.find(tmp_path / "no" / "x.wav") == tmp_path / "no" / "x.wav"
    assert list(clips.folder(tmp_path)) == ["a.b", "c"]
    both = clip(tmp_path / "both" / "x.wav")
    clip(tmp_path / "both" / "x.flac")
    assert clips.find(both) == both


def test_tables(tmp_path, text):
    table = text(tmp_path / "text", "a one  two\n\nb\tthree\nc\n")
    assert read_table(table) == {"a": (1, "one  two"), "b": (3, "three"), "c": (4, "")}
    text(table, "a x\na y\n")
    with pytest.raises(DataError, match=r"text:2: a is repeated"):
        read_table(table)


def test_rows(tmp_path, text):
    path = text(tmp_path / "m.csv", 'id,text\n1,"a, ""b""\nc"\n\n2,d\n')
    assert list(read_rows(path, columns=["id"])) == [
        (3, {"id": "1", "text": 'a, "b"\nc'}),
        (5, {"id": "2", "text": "d"}),
    ]
    with pytest.raises(DataError, match=r"m\.csv:1: no column words"):
        list(read_rows(path, columns=["id", "words"]))
    text(path, "")
    with pytest.raises(DataError, match=r"m\.csv:1: no column id"):
        list(read_rows(path, columns=["id"]))


@pytest.mark.parametrize(
    ("row", "place", "problem"),
    [
        (b"1,a,b", "3", "3 fields, but the header has 2"),
        (b"1," + b"x" * 200_000, "3", "field larger than field limit (131072)"),
        (b'1,"a\nb",c', "3-4", "3 fields, but the header has 2"),
        (b"1,caf\xe9", "3", "not UTF-8"),
    ],
)
def test_damaged_rows_leave_the_others(tmp_path, row, place, problem):
    path = tmp_path / "m.csv"
    path.write_bytes(b"id,text\n0,a\n" + row + b"\n2,b\n")
    first, damaged, last = read_rows(path, columns=["id"])
    assert first == (2, {"id": "0", "text": "a"})
    assert damaged == DamagedRow(f"{path}:{place}", problem)
    assert last[1] == {"id": "2", "text": "b"}


def test_damaged_lines_of_a_table(tmp_path):
    path = tmp_path / "text"
    path.write_bytes(b"a x\na y\nb caf\xe9\nc z\n")
    damaged = []
    assert read_table(path, damaged) == {"a": (1, "x"), "c": (4, "z")}
    assert [str(row) for row in damaged] == [
        f"{path}:2: a is repeated; keep one line of it",
        f"{path}:3: not UTF-8",
    ]


def test_usable_rows(caplog):
    rows = ["a", *(DamagedRow(f"m:{n}", "odd") for n in range(4)), "b"]
    assert list(usable(rows)) == ["a", "b"]
    text = "left out 4 damaged rows: m:0: odd; m:1: odd; m:2: odd; ..."
    assert caplog.messages == [text]
    with pytest.raises(DataError, match="m:1: odd"):
        list(usable(rows[2:3]))
    assert list(usable([])) == []


def test_names_that_no_file_system_takes(tmp_path):
    long = tmp_path / ("x" * 300) / "a.wav"
    assert Clips().find(long) == long
    assert Clips().find(long.parent) == long.parent
