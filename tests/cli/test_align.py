"""asr align: what it prints."""

from __future__ import annotations

import pytest


def test_words_as_ctm(run, recognizer, samples):
    ended = run("align", samples / "river.wav", "ONE TWO")
    assert ended == (
        0,
        "river 1 0.000 1.495 ONE 0.500\nriver 1 1.495 1.495 TWO 0.500\n",
        "",
    )


@pytest.mark.parametrize("kind", ["TextGrid", "json", "srt", "vtt"])
def test_text_from_a_file_in_other_formats(run, recognizer, samples, tmp_path, kind):
    (tmp_path / "text.txt").write_text("ONE\nTWO\n")
    ended = run("align", samples / "river.wav", tmp_path / "text.txt", "-f", kind)
    assert ended.status == 0
    assert "ONE" in ended.out
    assert "TWO" in ended.out


def test_what_is_missing(run, recognizer, tmp_path):
    ended = run("align", tmp_path / "gone.wav", "ONE")
    assert ended.status == 4
    assert "gone.wav" in ended.err


def test_several_formats_do_not_fit_standard_output(run, recognizer, samples):
    ended = run("align", samples / "river.wav", "ONE", "-f", "srt", "-f", "ctm")
    assert ended.status == 2
    assert "several formats do not fit standard output" in ended.err
    ended = run("align", samples / "river.wav", "ONE", "-f", "srt", "-f", "srt")
    assert (ended.status, ended.out[:2]) == (0, "1\n")


@pytest.mark.parametrize("text", ["", " \n"])
def test_no_words(run, samples, tmp_path, text):
    path = tmp_path / "empty.txt"
    path.write_text(text)
    ended = run("align", samples / "river.wav", path)
    assert ended.status == 2
    assert "no words to align" in ended.err
