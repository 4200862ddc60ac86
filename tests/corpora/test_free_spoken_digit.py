"""Free Spoken Digit."""

from __future__ import annotations

from asr.corpora.single_words import FREE_SPOKEN_DIGIT
from asr.data.text_files import DamagedRow


def test_digits(tmp_path, clip):
    for repetition in (0, 4, 5, 7, 8, 49):
        clip(tmp_path / f"recordings/7_van_dyke_{repetition}.wav")
    found = {
        subset: [
            u.id.rpartition("_")[2] for u in FREE_SPOKEN_DIGIT.read(tmp_path, subset)
        ]
        for subset in FREE_SPOKEN_DIGIT.subsets(tmp_path)
    }
    assert found == {
        "train": ["49", "5", "7", "8"],
        "test": ["0", "4"],
        "train-own": ["49", "8"],
        "dev-own": ["5", "7"],
    }
    first = next(FREE_SPOKEN_DIGIT.read(tmp_path / "recordings", "test"))
    assert (first.text, first.speaker, first.lang) == ("SEVEN", "van_dyke", "en")
    clip(tmp_path / "recordings/noise.wav")
    rows = list(FREE_SPOKEN_DIGIT.rows(tmp_path, "train"))
    assert len(rows) == 5
    noise = tmp_path / "recordings/noise.wav"
    assert DamagedRow(str(noise), "not named DIGIT_SPEAKER_REPETITION") in rows


def test_real_digits(speech_data):
    root = speech_data / "free-spoken-digit"
    counts = {
        subset: len(list(FREE_SPOKEN_DIGIT.read(root, subset)))
        for subset in FREE_SPOKEN_DIGIT.subsets(root)
    }
    assert counts == {"train": 2700, "test": 300, "train-own": 2520, "dev-own": 180}
    texts = {u.text for u in FREE_SPOKEN_DIGIT.read(root, "test")}
    assert len(texts) == 10
