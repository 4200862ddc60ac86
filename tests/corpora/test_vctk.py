"""VCTK, of both releases."""

from __future__ import annotations

import pytest

from asr.corpora import detect
from asr.corpora.prepare import Preparation
from asr.corpora.vctk import VCTK
from asr.errors import DataError


def test_release_0_92_has_two_microphones(tmp_path, text, clip):
    text(tmp_path / "txt/p225/p225_001.txt", "Please call Stella.\n")
    text(tmp_path / "txt/p280/p280_001.txt", "Please call Stella.\n")
    audio = tmp_path / "wav48_silence_trimmed"
    for name in ("p225/p225_001_mic1", "p225/p225_001_mic2", "p280/p280_001_mic1"):
        clip(audio / f"{name}.flac")
    clip(audio / "p315/p315_001_mic1.flac")  # nobody wrote down what p315 says
    assert detect(tmp_path) == "vctk"
    assert VCTK.subsets(tmp_path) == ["mic1", "mic2"]
    first, _ = VCTK.read(tmp_path, "mic1")
    assert first.audio == audio / "p225/p225_001_mic1.flac"
    assert (first.text, first.speaker) == ("Please call Stella.", "p225")
    preparation = Preparation("vctk", tmp_path, "mic2")
    assert len(list(preparation)) == 1
    missing = audio / "p280/p280_001_mic2.flac"
    assert preparation.report.dropped == {"missing audio": [f"p280_001 ({missing})"]}


def test_release_0_80(tmp_path, text, clip):
    text(tmp_path / "txt/p225/p225_001.txt", "Please call Stella.\n")
    clip(tmp_path / "wav48/p225/p225_001.wav")
    assert VCTK.subsets(tmp_path) == ["all"]
    (found,) = VCTK.read(tmp_path, "all")
    assert found.id == "p225_001"
    with pytest.raises(DataError, match="no subset 'mic1'"):
        list(VCTK.read(tmp_path, "mic1"))
