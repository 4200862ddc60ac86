"""asr plot: a picture where it was asked for."""

from __future__ import annotations

import numpy as np
import pytest
import soundfile


@pytest.mark.parametrize("kind", ["attention", "spectrogram"])
def test_default_name_is_in_the_current_folder(
    run, recognizer, samples, tmp_path, monkeypatch, kind
):
    monkeypatch.chdir(tmp_path)
    ended = run("plot", kind, samples / "river.wav")
    assert (ended.status, ended.out) == (0, f"river.{kind}.png\n")
    content = (tmp_path / f"river.{kind}.png").read_bytes()
    assert content.startswith(b"\x89PNG")


@pytest.mark.parametrize("kind", ["attention", "spectrogram"])
def test_named_output(run, recognizer, samples, tmp_path, kind):
    path = tmp_path / "a.svg"
    ended = run("plot", kind, samples / "river.wav", "--output", path)
    assert ended.out == f"{path}\n"
    assert b"<svg" in path.read_bytes()


@pytest.mark.parametrize("kind", ["attention", "spectrogram"])
def test_errors(run, recognizer, samples, tmp_path, kind):
    assert run("plot", kind, tmp_path / "gone.wav").status == 4
    ended = run("plot", kind, samples / "river.wav", "-o", tmp_path / "a.bmp")
    assert ended.status == 2
    assert not list(tmp_path.iterdir())


def test_hours_of_sound_are_no_picture(run, tmp_path):
    path = tmp_path / "long.flac"
    soundfile.write(path, np.zeros(601 * 4000, np.int16), 4000)
    ended = run("plot", "spectrogram", path, "-o", tmp_path / "a.png")
    text = f"error: {path}: a spectrogram shows up to 600 s\n"
    assert (ended.status, ended.err) == (4, text)


@pytest.mark.parametrize(
    "content",
    ["", "[]", "{}", '{"attention": {"weights": [[1]]}}', '{"attention": 3}', "{}\n{}"],
)
def test_json_without_weights(run, tmp_path, content):
    path = tmp_path / "a.json"
    path.write_text(content)
    ended = run("plot", "attention", path, "-o", tmp_path / "a.png")
    assert ended.status == 5
    assert "must be one JSON object with attention weights" in ended.err
    assert run("plot", "attention", tmp_path / "gone.json").status == 5
