"""Manifests as a corpus."""

from __future__ import annotations

from asr.corpora import detect
from asr.corpora.generic import JSONL
from asr.data.manifest import Utterance, write_manifest


def test_manifests(tmp_path):
    utterances = [Utterance(tmp_path / "a.wav", "a", 1.0)]
    for name in ("train", "dev"):
        write_manifest(tmp_path / f"{name}.jsonl", utterances)
    assert detect(tmp_path) == detect(tmp_path / "dev.jsonl") == "jsonl"
    assert JSONL.subsets(tmp_path) == ["dev", "train"]
    assert JSONL.subsets(tmp_path / "dev.jsonl") == ["all"]
    assert list(JSONL.read(tmp_path, "train")) == utterances
    assert list(JSONL.read(tmp_path / "train.jsonl", "all")) == utterances


def test_manifests_of_nemo(tmp_path, text):
    """Their names of keys, a text in a file of its own, and lines that are damaged."""
    text(tmp_path / "texts/b.txt", "Good\nbye.\n")
    path = text(
        tmp_path / "nemo.jsonl",
        '{"audio_filename": "a.wav", "duration": 1.5, "text": "Hello."}\n'
        '{"audio_filepath": "b.wav", "text_filepath": "texts/b.txt"}\n'
        '{"audio_filepath": "c.wav", "text_filepath": "gone.txt"}\n'
        '{"text": "no file"}\n'
        '{"audio_filepath": "d.wav", "text": "D", "channel": 2}\n',
    )
    first, second, third, fourth, fifth = JSONL.rows(path, "all")
    assert first == Utterance(tmp_path / "a.wav", "Hello.", 1.5)
    assert second == Utterance(tmp_path / "b.wav", "Good bye.")
    assert "gone.txt: No such file" in third.problem
    assert str(fourth) == f"{path}:4: no audio_filepath; every line needs one"
    assert fifth == Utterance(tmp_path / "d.wav", "D", channel=2)


def test_a_line_that_is_not_utf_8(tmp_path):
    path = tmp_path / "m.jsonl"
    line = '{"audio_filepath": "a.wav", "text": "caf\u00e9"}\n'
    path.write_bytes(line.encode() + line.encode("latin-1") + line.encode())
    first, damaged, last = JSONL.rows(path, "all")
    assert first == last == Utterance(tmp_path / "a.wav", "caf\u00e9")
    assert str(damaged) == f"{path}:2: not UTF-8"
