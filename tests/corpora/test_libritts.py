"""LibriTTS."""

from __future__ import annotations

from asr.corpora import detect
from asr.corpora.audiobooks import LIBRITTS


def test_sentences_of_a_chapter(tmp_path, text, clip):
    chapter = tmp_path / "dev-clean" / "84" / "121123"
    for number in (0, 1):
        name = f"84_121123_000007_00000{number}"
        clip(chapter / f"{name}.wav")
        text(chapter / f"{name}.normalized.txt", f"Mister Smith,\n no {number}.\n")
        text(chapter / f"{name}.original.txt", f"Mr. Smith, no {number}.")
    assert detect(tmp_path) == "libritts"
    assert LIBRITTS.subsets(tmp_path) == ["dev-clean"]
    first, second = LIBRITTS.read(tmp_path, "dev-clean")
    assert first.text == "Mister Smith, no 0."
    assert first.audio == chapter / "84_121123_000007_000000.wav"
    assert (first.speaker, first.lang) == ("84", "en")
    assert second.id == "84_121123_000007_000001"
