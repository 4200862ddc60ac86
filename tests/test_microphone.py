"""The microphone, with a stand-in for the sound card."""

from __future__ import annotations

import os
import signal
import sys
from types import SimpleNamespace

import numpy as np
import pytest

from asr.errors import AudioError, UsageError
from asr.microphone import microphone


class PortAudioError(Exception):
    """As sounddevice has it."""


class Card:
    """Plays the numbers 0, 1, 2, ...; presses Ctrl-C when it has played enough."""

    enough, broken = 4000, False

    def __init__(self, *, samplerate, channels, dtype, device):
        if device == "none":
            raise ValueError("No input device matching 'none'")
        self.asked = (samplerate, channels, dtype, device)
        self.played, self.open = 0, False

    def __enter__(self):
        self.open = True
        return self

    def __exit__(self, *_):
        self.open = False

    def read(self, count):
        if self.broken:
            raise PortAudioError("unplugged")
        samples = np.arange(self.played, self.played + count).astype("<i2")
        self.played += count
        if self.played >= self.enough:
            os.kill(os.getpid(), signal.SIGINT)
        return samples.tobytes(), False


@pytest.fixture
def card(monkeypatch):
    module = SimpleNamespace(RawInputStream=Card, PortAudioError=PortAudioError)
    monkeypatch.setitem(sys.modules, "sounddevice", module)
    return Card


def test_samples_come_until_ctrl_c(card):
    before = signal.getsignal(signal.SIGINT)
    with microphone(8000) as source:
        assert source.rate == 8000
        read = b"".join(iter(lambda: source.file.read(1000), b""))
    samples = np.frombuffer(read, "<i2")
    np.testing.assert_array_equal(samples, np.arange(card.enough))
    assert signal.getsignal(signal.SIGINT) is before


def test_a_second_ctrl_c_interrupts(card):
    with microphone(8000) as source:
        while source.file.read(1000):
            pass
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGINT)


def test_a_card_that_is_not_there_or_fails(card, monkeypatch):
    with (
        pytest.raises(AudioError, match="microphone: No input device"),
        microphone(8000, "none"),
    ):
        pass
    monkeypatch.setattr(card, "broken", True)
    with (
        pytest.raises(AudioError, match="microphone: unplugged"),
        microphone(8000, "3") as source,
    ):
        source.file.read(1000)


def test_without_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "sounddevice", None)
    with pytest.raises(UsageError, match=r"asr\[mic\]"), microphone(8000):
        pass
