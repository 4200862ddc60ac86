"""Kaldi data directories."""

from __future__ import annotations

import numpy as np
import pytest

from asr.audio import io as audio_io
from asr.corpora.kaldi import KALDI
from asr.data.manifest import Utterance
from asr.data.text_files import DamagedRow
from asr.errors import DataError


@pytest.fixture
def root(tmp_path, text, clip):
    text(tmp_path / "train/wav.scp", "u1 audio/one file.wav\nu2 near.wav\n")
    text(tmp_path / "train/text", "u1 HELLO THERE\nu2 BYE\n")
    text(tmp_path / "train/utt2spk", "u1 anna\n")
    clip(tmp_path / "train/near.wav")
    clip(tmp_path / "audio/one file.wav")
    return tmp_path


def test_paths_are_relative_to_the_folder_or_the_one_above(root):
    assert KALDI.subsets(root) == ["train"]
    expected = [
        Utterance(root / "audio/one file.wav", "HELLO THERE", speaker="anna", id="u1"),
        Utterance(root / "train/near.wav", "BYE", id="u2"),
    ]
    assert list(KALDI.read(root, "train")) == expected
    assert list(KALDI.read(root / "train", "train")) == expected


def test_speakers_are_optional_and_text_may_lack_a_clip(root, text):
    (root / "train/utt2spk").unlink()
    text(root / "train/text", "u1 HELLO\n")
    assert [(u.text, u.speaker) for u in KALDI.read(root, "train")] == [
        ("HELLO", None),
        (None, None),
    ]


@pytest.mark.parametrize(
    ("command", "name", "channel"),
    [
        ("sph2pipe -f wav near.wav |", "near.wav", None),
        ("/opt/kaldi/tools/sph2pipe -f wav -p -c 2 near.wav |", "near.wav", 2),
        ("flac -c -d -s near.wav |", "near.wav", None),
        ("flac -cds near.wav|", "near.wav", None),
        ("sox near.wav -t wav - |", "near.wav", None),
        ("sox -t flac near.wav -r 16k -b 16 -c 1 -t wav - remix 2 |", "near.wav", 2),
        ("sox 'audio/one file.wav' -t wav -r 8000 - rate -h |", "one file.wav", None),
        ("ffmpeg -v error -i near.wav -ar 16000 -f wav - |", "near.wav", None),
        ("cat near.wav |", "near.wav", None),
    ],
)
def test_commands_that_decode_a_file(root, text, command, name, channel):
    """Their file is read; nothing runs."""
    text(root / "train/wav.scp", f"u1 {command}\n")
    text(root / "train/text", "u1 HELLO\n")
    (found,) = KALDI.rows(root, "train")
    assert (found.audio.name, found.channel) == (name, channel)
    assert found.audio.is_file()


@pytest.mark.parametrize(
    "line",
    [
        "| cat a.wav",
        "cat near.wav other.wav |",
        "touch ran; cat near.wav |",
        "sox near.wav -t wav - speed 1.1 |",
        "sox near.wav -t wav - trim 0 5 |",
        "sox -v 0.5 near.wav -t wav - |",
        "sox near.wav other.wav -t wav - |",
        "sph2pipe -f wav -t 0:5 near.wav |",
        "sph2pipe -f wav near.wav | sox - -t wav - |",
        "ffmpeg -ss 3 -i near.wav -f wav - |",
        "flac -c -d --skip=5 near.wav |",
        "sox 'near.wav -t wav - |",
        "sox |",
        "|",
    ],
)
def test_other_commands_are_damaged_rows(root, text, line):
    table = text(root / "train/wav.scp", f"u1 near.wav\nu2 {line}\n")
    first, damaged = KALDI.rows(root, "train")
    assert first.id == "u1"
    assert damaged.place == f"{table}:2"
    assert damaged.problem.startswith("a shell command, which is not run: ")
    assert not (root / "ran").exists()


def test_archives(root, text, clip):
    one, two = clip(root / "1.wav", 0.5), clip(root / "2.wav", 0.75)
    content = b"u1 " + one.read_bytes() + b"u2 " + two.read_bytes()
    (root / "train/wav.ark").write_bytes(content)
    second = len(one.read_bytes()) + 6
    text(
        root / "train/wav.scp",
        f"u1 wav.ark:3\nu2 wav.ark:{second}\nu3 wav.ark:4\nu4 gone.ark:3\n",
    )
    first, other, damaged, missing = KALDI.rows(root, "train")
    np.testing.assert_array_equal(
        audio_io.read(first.audio, 8000), audio_io.read(one, 8000)
    )
    assert audio_io.inspect(other.audio).duration == 0.75
    assert "no WAV at byte 4 of" in damaged.problem
    assert "gone.ark: No such file or directory" in missing.problem


def test_paths_from_the_recipe_and_the_working_directory(root, text, clip, monkeypatch):
    text(root / "data/dev/wav.scp", "u1 audio/a.wav\nu2 here.wav\nu3 gone.wav\n")
    text(root / "data/dev/text", "u1 A\nu2 B\nu3 C\n")
    clip(root / "audio/a.wav")
    clip(root / "elsewhere/here.wav")
    monkeypatch.chdir(root / "elsewhere")
    first, second, third = KALDI.read(root / "data", "dev")
    assert first.audio == root / "audio/a.wav"
    assert second.audio.resolve() == root / "elsewhere/here.wav"
    assert third.audio == root / "data/gone.wav"


def test_channels_of_segments(root, text):
    text(root / "train/wav.scp", "r1 near.wav\nr2 sph2pipe -c 2 near.wav |\n")
    text(root / "train/segments", "a r1 0 1 0\nb r1 0 1 1\nc r1 0 1 A\nd r1 0 1 B\n"
         "e r2 0 1\nf r1 0 1\n")  # fmt: skip
    text(root / "train/text", "a A\n")
    assert [row.channel for row in KALDI.rows(root, "train")] == [1, 2, 1, 2, 2, None]


def test_segments(root, text):
    text(root / "train/segments", "a u1 0.5 1.25\nb u2 3 -1\n")
    text(root / "train/text", "a A\nb B\n")
    found = list(KALDI.read(root, "train"))
    assert [(u.id, u.audio.name, u.offset, u.duration) for u in found] == [
        ("a", "one file.wav", 0.5, 0.75),
        ("b", "near.wav", 3.0, None),
    ]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("a u1 0.5", "not `utterance recording start end [channel]`"),
        ("a u1 0 1 2 3", "not `utterance recording start end [channel]`"),
        ("a u1 0 1 C", "not `utterance recording start end [channel]`"),
        ("a u1 0 1 -1", "not `utterance recording start end [channel]`"),
        ("a u1 zero 1", "not `utterance recording start end [channel]`"),
        ("a", "not `utterance recording start end [channel]`"),
        ("a u1 2 1", "start must be >= 0 and before end, got 2.0 s to 1.0 s"),
        ("a u1 -2 1", "start must be >= 0 and before end, got -2.0 s to 1.0 s"),
        ("a u1 0 inf", "start must be >= 0 and before end, got 0.0 s to inf s"),
        ("a u1 nan 1", "start must be >= 0 and before end, got nan s to 1.0 s"),
        ("a u9 0 1", "no u9 in wav.scp"),
    ],
)
def test_malformed_segments(root, text, line, message):
    segments = text(root / "train/segments", f"ok u1 0 1\n{line}\n")
    text(root / "train/text", "ok HELLO\na BYE\n")
    good, damaged = KALDI.rows(root, "train")
    assert good.id == "ok"
    assert damaged == DamagedRow(f"{segments}:2", message)


def test_texts_without_sound_are_named(root, text):
    table = text(root / "train/text", "u1 HELLO\nu2 BYE\nu3 GONE\n")
    *_, damaged = KALDI.rows(root, "train")
    assert damaged == DamagedRow(f"{table}:3", "no recording of u3")
    text(root / "train/segments", "u1 u1 0 1\nu3 u9 0 1\n")
    _, other, damaged = KALDI.rows(root, "train")
    assert other.problem == "no u9 in wav.scp"
    assert damaged == DamagedRow(f"{table}:2", "no recording of u2")


def test_missing_and_malformed_files(root, text):
    table = text(root / "train/wav.scp", "u1 near.wav\nu2\n")
    _, damaged = KALDI.rows(root, "train")
    assert damaged == DamagedRow(f"{table}:2", "no path after u2")
    (root / "train/text").unlink()
    with pytest.raises(DataError, match=r"cannot read .*text: No such file"):
        list(KALDI.read(root, "train"))


def test_real_speechocean(speech_data):
    root = speech_data / "speechocean762"
    assert KALDI.subsets(root) == ["dev", "train"]
    dev, train = (list(KALDI.read(root, name)) for name in ("dev", "train"))
    assert (len(dev), len(train)) == (320, 4280)
    assert {u.speaker for u in dev}.isdisjoint(u.speaker for u in train)
