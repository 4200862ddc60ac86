"""The recipe that counts pauses behind words by their marks."""

from __future__ import annotations

import json

import asr
from tests.script_module import script_module

script = script_module("restore_pauses.py")
BOOK = "He said: \u201cWe don\u2019t know them, Mr. Smith.\u201d They left at once."


def test_transcripts_are_found_in_books(tmp_path):
    clips = {
        "a": "WE DON'T KNOW THEM MISTER SMITH",  # another spelling
        "b": "SMITH THEY LEFT AT ONCE AND SANG",  # goes on after the book
        "c": "HE SAID WE DON'T KNOW THEM",
    }
    manifest = tmp_path / "clips.jsonl"
    lines = (
        {"audio_filepath": f"{name}.wav", "text": text, "duration": 1.0}
        for name, text in clips.items()
    )
    manifest.write_text("".join(json.dumps(line) + "\n" for line in lines))
    (tmp_path / "books").mkdir()
    (tmp_path / "books" / "one.txt").write_text(BOOK, encoding="utf-8")
    ((audio, written),) = script.in_books((manifest,), tmp_path / "books")
    assert audio.endswith("c.wav")
    assert [mark for _, mark in written] == ["", ":", "", "", "", ","]
    assert [word for word, _ in written][-4:] == ["We", "don't", "know", "them"]


def test_pauses_of_a_recording(samples):
    utterance = next(iter(asr.read_manifest(samples / "manifest.jsonl")))
    words = [(word, "") for word in utterance.text.split()]
    aligner = asr.load("english", threads=1)
    pauses = list(script.pauses(str(utterance.audio), words, aligner))
    assert len(pauses) == len(words) - 1
    assert all(0 <= pause < 2 for pause in pauses)


def test_a_recording_that_cannot_be_aligned_is_left_out(capsys, tmp_path):
    aligner = asr.load("english", threads=1)
    assert not list(script.pauses(str(tmp_path / "no.wav"), [("a", "")], aligner))
    assert "no.wav" in capsys.readouterr().err
