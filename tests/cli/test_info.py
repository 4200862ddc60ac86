"""asr info: recordings by their header, models by their card."""

from __future__ import annotations

import json

import numpy as np
import pytest
import yaml

import asr
from asr.cli import terminal

CARD = {"parameters": 12, "trained_on": ["é"], "wer": {"test": 0.5}}


@pytest.fixture
def asked(public, monkeypatch):
    """Replace `asr.describe`."""
    folders = []

    def describe(folder):
        folders.append(folder)
        return CARD

    public("describe", describe)
    monkeypatch.setattr(terminal, "start_backend", lambda: None)
    return folders


def test_recording(run, samples):
    assert json.loads(run("info", samples / "morning.flac", "--json").out) == {
        "duration": pytest.approx(4.272, abs=1e-3),
        "rate": 22050,
        "channels": 1,
        "format": "FLAC",
        "subtype": "PCM_16",
        "tracks": 1,
    }
    assert "rate: 22050\n" in run("info", samples / "morning.flac").out


def test_model_folder(run, asked, tmp_path):
    assert json.loads(run("info", tmp_path, "--json").out) == CARD
    out = run("info", tmp_path).out
    assert yaml.safe_load(out) == CARD
    assert "é" in out
    assert asked == [tmp_path, tmp_path]


def test_neither(run, asked, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "text.wav").write_text("words")
    assert run("info", "text.wav").status == 4
    ended = run("info", "gone.wav")
    assert (ended.status, asked) == (6, [])
    assert ended.err.startswith("error: no model gone.wav; ")


def test_a_bundled_model_tells_what_its_card_tells(run, root):
    ended = run("info", "english")
    card = (root / "data" / "models" / "english" / "README.md").read_text()
    assert yaml.safe_load(ended.out)["card"] == card
    scores = "LibriSpeech test-clean, 20 of its 40 speakers | 2.70 h |"
    assert f"\n  | {scores}" in ended.out  # a table that can be read
    assert json.loads(run("info", "english", "--json").out)["card"] == card


def test_installation(run):
    facts = json.loads(run("info", "--system", "--json").out)
    assert facts["asr"] == asr.__version__
    assert facts["packages"]["numpy"] == np.__version__
    assert {"python", "system", "processor", "cores", "revision"} < facts.keys()


def test_one_thing_is_described(run):
    ended = run("info", "english", "--system")
    assert (ended.status, ended.err) == (2, "error: give MODEL, FILE or --system\n")
