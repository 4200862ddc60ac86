"""asr plot: a picture where it was asked for."""

from __future__ import annotations

import pytest


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
