"""The detector of speech, and what it says of real speech and of other sounds."""

from __future__ import annotations

import io
import re

import numpy as np
import pytest

from asr.audio import io as audio_io
from asr.audio import vad
from asr.audio.vad import HOP, RATE, load_detector
from asr.errors import ModelError


def test_one_probability_for_each_20_ms(samples):
    for size in (1, 159, 160, 319, 320, 321, 16001):
        found = load_detector()(np.zeros(size, np.float32))
        assert found.shape == (-(-size // HOP),)
        assert found.dtype == np.float32
    assert load_detector()(np.zeros(0, np.float32)).shape == (0,)


@pytest.mark.parametrize("size", [37, 1600, 50_000])
def test_blocks_say_what_the_whole_says(size):
    rng = np.random.default_rng(1)
    sound = rng.normal(scale=0.1, size=5 * RATE + 123).astype("float32")
    sound[RATE : 2 * RATE] *= np.sin(np.arange(RATE) / 500)
    blocks = (sound[i : i + size] for i in range(0, len(sound), size))
    stream = load_detector().stream()
    found = np.concatenate([*map(stream.push, blocks), stream.finish()])
    np.testing.assert_allclose(found, load_detector()(sound), atol=1e-5)


def seconds(count: float) -> np.ndarray:
    return np.arange(int(count * RATE)) / RATE


SOUNDS = {
    "silence": np.zeros(10 * RATE),
    "white": np.random.default_rng(1).normal(scale=0.1, size=10 * RATE),
    "quiet": np.random.default_rng(2).normal(scale=1e-4, size=10 * RATE),
    "tone": 0.5 * np.sin(2 * np.pi * 440 * seconds(10)),
    "beeps": 0.3 * np.sin(2 * np.pi * 800 * seconds(10)) * (seconds(10) % 1 < 0.3),
    "hum": sum(0.1 * np.sin(2 * np.pi * 50 * n * seconds(10)) / n for n in range(1, 9)),
}


@pytest.mark.parametrize("name", SOUNDS)
def test_other_sounds_are_not_speech(name):
    assert load_detector()(SOUNDS[name].astype("float32")).max() < 0.5


def aligned(speech_data):
    """Recordings with the times of their words."""
    folder = speech_data / "LibriSpeech" / "dev-aligned"
    interval = r'xmin = ([\d.]+)\s+xmax = ([\d.]+)\s+text = "(.*)"'
    for path in sorted((folder / "alignments").glob("*.TextGrid"))[::6]:
        words, _ = path.read_text().split('name = "phones"')
        found = re.findall(interval, words)
        (recording,) = folder.glob(f"*/*/{path.stem}.*")
        times = [(float(start), float(end)) for start, end, word in found if word]
        yield audio_io.read(recording, RATE), times


@pytest.mark.parametrize("noise", [None, 10.0])
def test_real_speech(speech_data, noise):
    rng = np.random.default_rng(3)
    missed = false = spoken = silent = 0
    for sound, words in aligned(speech_data):
        sound = np.concatenate([sound, np.zeros(2 * RATE, np.float32)])
        said, near = np.zeros((2, -(-len(sound) // HOP)), bool)
        for start, end in words:
            said[round(start * 50) : round(end * 50)] = True
            near[max(0, round(start * 50) - 15) : round(end * 50) + 15] = True
        if noise is not None:
            loud = sound[np.repeat(said, HOP)[: len(sound)]].std()
            level = loud * 10 ** (-noise / 20)
            sound = sound + rng.normal(scale=level, size=len(sound)).astype("float32")
        found = load_detector()(sound) >= 0.35
        missed += np.sum(said & ~found)
        spoken += np.sum(said)
        false += np.sum(~near & found)
        silent += np.sum(~near)
    assert missed / spoken <= 0.03
    assert false / silent <= 0.10


def with_a_mean_alone() -> bytes:
    file = io.BytesIO()
    np.savez(file, mean=np.zeros(32))
    return file.getvalue()


@pytest.mark.parametrize("content", [b"", b"PK nothing", with_a_mean_alone()])
def test_damaged_file_is_named(tmp_path, monkeypatch, content):
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / vad.FILE).write_bytes(content)
    monkeypatch.setattr(vad, "share", lambda: tmp_path)
    with pytest.raises(ModelError, match=vad.FILE):
        load_detector.__wrapped__()
