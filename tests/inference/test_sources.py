"""Sources of audio, in blocks."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
import soundfile

from asr.audio import io as audio_io
from asr.config.schema import DecodingConfig
from asr.data.manifest import Utterance
from asr.errors import AudioError
from asr.inference.options import TranscribeOptions
from asr.inference.sources import open_source

RATE = 16000
TASK = SimpleNamespace(rate=RATE)


def opened(source, **options):
    return list(
        open_source(source, TASK, TranscribeOptions(DecodingConfig(), **options))
    )


@pytest.fixture
def stereo(tmp_path):
    """Ten seconds: a ramp on the left, its negative half on the right."""
    left = np.linspace(0.0, 0.9, 10 * RATE, dtype=np.float32)
    path = tmp_path / "stereo.wav"
    soundfile.write(path, np.stack([left, -left / 2], axis=1), RATE, "FLOAT")
    return path


def test_an_utterance_is_its_part_of_the_recording(stereo):
    whole = audio_io.read(stereo)
    utterance = Utterance(stereo, "x", duration=3.0, offset=2.0)
    (block,) = opened(utterance)
    np.testing.assert_array_equal(block, whole[2 * RATE : 5 * RATE])
    (block,) = opened(utterance, start=1.0, end=2.5)
    np.testing.assert_array_equal(block, whole[3 * RATE : 9 * RATE // 2])
    (block,) = opened(utterance, start=1.0, end=99.0)
    np.testing.assert_array_equal(block, whole[3 * RATE : 5 * RATE])
    (block,) = opened(Utterance(stereo, "x", offset=8.0), start=1.0)
    np.testing.assert_array_equal(block, whole[9 * RATE :])
    with pytest.raises(AudioError, match=r"start 4.0 s is past the end, 3.00 s"):
        opened(utterance, start=4.0)


def test_a_long_utterance_comes_in_blocks(tmp_path):
    path = tmp_path / "long.wav"
    soundfile.write(path, np.zeros(100 * RATE), RATE)
    sizes = [len(block) / RATE for block in opened(Utterance(path, "x"))]
    assert sizes == [30, 30, 30, 10]


@pytest.mark.parametrize(
    ("own", "chosen", "used"),
    [(None, None, None), (2, None, 2), (None, 1, 1), (2, 1, 1)],
)
def test_the_channel_of_an_utterance(stereo, own, chosen, used):
    (block,) = opened(Utterance(stereo, "x", channel=own), channel=chosen)
    np.testing.assert_array_equal(block, audio_io.read(stereo, channel=used))
