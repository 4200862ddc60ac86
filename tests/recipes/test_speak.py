"""The clips that `recipes/english/speak.py` has read aloud."""

from __future__ import annotations

import shutil
import sys
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import soundfile
from click.testing import CliRunner

from asr.corpora import corpus
from tests.script_module import script_module

speak = script_module("english/speak.py")


def test_the_engines_are_drawn_in_their_shares() -> None:
    commands = (
        speak.command(np.random.default_rng(seed), Path("text"), Path("wave"))[0]
        for seed in range(2000)
    )
    engines = Counter(commands)
    assert abs(engines["espeak-ng"] / 2000 - speak.SHARES["espeak-ng"]) < 0.05
    assert abs(engines["flite"] / 2000 - speak.SHARES["flite"]) < 0.05
    assert engines["text2wave"] == 2000 - engines["espeak-ng"] - engines["flite"]


def test_lines_of_another_length_are_left_out(tmp_path: Path) -> None:
    text = tmp_path / "text.txt"
    long = " ".join(["WORD"] * (speak.WORDS[1] + 1))
    text.write_text(f"TOO SHORT\n{long}\nTHIS IS READ\nTHIS IS READ TOO\n")
    assert sorted(speak.chosen(text, 2, seed=1)) == ["THIS IS READ", "THIS IS READ TOO"]


def test_a_missing_synthesiser_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    text = tmp_path / "text.txt"
    text.write_text("ONE TWO THREE FOUR\n")
    result = CliRunner().invoke(speak.main, [str(text), "--output", str(tmp_path)])
    assert result.exit_code == 1
    assert result.output == "Error: not installed: espeak-ng, flite, text2wave\n"


def instead(program: str):
    """Stand in for the synthesisers: Python code that is told text and wave."""

    def command(rng: np.random.Generator, text: Path, wave: Path) -> list[str]:
        return [sys.executable, "-c", program, str(text), str(wave)]

    return command


@pytest.mark.parametrize(
    "program",
    [
        "raise SystemExit(1)",
        "pass",
        "import sys; open(sys.argv[2], 'w')",
        "import time; time.sleep(60)",
        "import sys, wave\n"
        "with wave.open(sys.argv[2], 'wb') as file:\n"
        "    file.setparams((1, 2, 16000, 0, 'NONE', ''))\n"
        "    file.writeframes(bytes(3200))",
    ],
    ids=["fails", "nothing", "empty", "hangs", "silence"],
)
def test_a_clip_that_fails_is_left_out(
    program: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(speak, "command", instead(program))
    monkeypatch.setattr(speak, "PATIENCE", 2)
    assert speak.speak("ONE", tmp_path / "clip.flac", (1, 1)) == 0
    assert not (tmp_path / "clip.flac").exists()


def test_many_failures_are_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(speak, "SHARES", {"true": 1.0})
    monkeypatch.setattr(speak, "command", instead("pass"))
    text = tmp_path / "text.txt"
    text.write_text("ONE TWO THREE FOUR\n")
    arguments = [str(text), "--output", str(tmp_path / "out"), "--hours", "0.0012"]
    result = CliRunner().invoke(speak.main, arguments)
    assert result.exit_code == 1
    assert "1 of 1 clips failed" in result.output
    assert not (tmp_path / "out" / "metadata.csv").exists()


@pytest.mark.skipif(not shutil.which("espeak-ng"), reason="espeak-ng is not installed")
def test_a_folder_of_clips(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(speak, "SHARES", {"espeak-ng": 1.0})
    text = tmp_path / "text.txt"
    text.write_text("ONE TWO THREE FOUR\nFIVE SIX SEVEN EIGHT\n")

    def made(name: str) -> Path:
        arguments = [str(text), "--output", str(tmp_path / name), "--hours", "0.0024"]
        result = CliRunner().invoke(speak.main, arguments)
        assert result.exit_code == 0, result.output
        return tmp_path / name

    first, again = made("first"), made("again")
    utterances = list(corpus("audio_folder").read(first, "first"))
    assert sorted(u.text for u in utterances) == [
        "FIVE SIX SEVEN EIGHT",
        "ONE TWO THREE FOUR",
    ]
    for utterance in utterances:
        samples, rate = soundfile.read(utterance.audio)
        assert rate == speak.RATE
        assert 1 < len(samples) / rate < 6
        assert 0.05 < np.abs(samples).max() <= 1
        name = Path(utterance.audio).relative_to(first)
        assert soundfile.info(again / name).frames == pytest.approx(len(samples), 0.01)
