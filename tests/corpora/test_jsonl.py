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
