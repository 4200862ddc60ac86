"""Kaldi data directories."""

from __future__ import annotations

import pytest

from asr.corpora.generic import KALDI
from asr.data.manifest import Utterance
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


@pytest.mark.parametrize("line", ["sph2pipe -f wav a.sph |", "| cat a.wav"])
def test_commands_are_refused(root, text, line):
    text(root / "train/wav.scp", f"u1 near.wav\nu2 {line}\n")
    with pytest.raises(
        DataError, match=r"wav\.scp:2: a shell command, which is not run"
    ):
        list(KALDI.read(root, "train"))


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
        ("a u1 0.5", "not `utterance recording start end`"),
        ("a u1 0 1 2", "not `utterance recording start end`"),
        ("a u1 zero 1", "not `utterance recording start end`"),
        ("a", "not `utterance recording start end`"),
        ("a u1 2 1", "start must be >= 0 and before end, got 2.0 s to 1.0 s"),
        ("a u1 -2 1", "start must be >= 0 and before end, got -2.0 s to 1.0 s"),
        ("a u1 0 inf", "start must be >= 0 and before end, got 0.0 s to inf s"),
        ("a u1 nan 1", "start must be >= 0 and before end, got nan s to 1.0 s"),
        ("a u9 0 1", "no u9 in wav.scp"),
    ],
)
def test_malformed_segments(root, text, line, message):
    text(root / "train/segments", f"ok u1 0 1\n{line}\n")
    with pytest.raises(DataError) as caught:
        list(KALDI.read(root, "train"))
    assert f"segments:2: {message}" in str(caught.value)


def test_missing_and_malformed_files(root, text):
    text(root / "train/wav.scp", "u1 near.wav\nu2\n")
    with pytest.raises(DataError, match=r"wav\.scp:2: no path after u2"):
        list(KALDI.read(root, "train"))
    (root / "train/text").unlink()
    with pytest.raises(DataError, match=r"cannot read .*text: No such file"):
        list(KALDI.read(root, "train"))


def test_real_speechocean(speech_data):
    root = speech_data / "speechocean762"
    assert KALDI.subsets(root) == ["dev", "train"]
    dev, train = (list(KALDI.read(root, name)) for name in ("dev", "train"))
    assert (len(dev), len(train)) == (320, 4280)
    assert {u.speaker for u in dev}.isdisjoint(u.speaker for u in train)
