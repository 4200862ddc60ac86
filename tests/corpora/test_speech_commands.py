"""Speech Commands."""

from __future__ import annotations

from asr.corpora.single_words import SPEECH_COMMANDS
from asr.data.manifest import Utterance


def test_commands(tmp_path, clip, text):
    audio = clip(tmp_path / "bed/00176480_nohash_0.wav")
    clip(tmp_path / "_background_noise_/pink_noise.wav")
    text(tmp_path / "testing_list.txt", "bed/00176480_nohash_0.wav\n")
    assert SPEECH_COMMANDS.subsets(tmp_path) == ["all"]
    assert list(SPEECH_COMMANDS.read(tmp_path, "all")) == [
        Utterance(audio, "BED", None, 0.0, "00176480", "en", "bed/00176480_nohash_0")
    ]
