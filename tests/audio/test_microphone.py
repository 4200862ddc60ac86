"""The microphone, with a stand-in for the sound card."""

from __future__ import annotations

import os
import signal
import sys
import threading
from types import SimpleNamespace

import numpy as np
import pytest

from asr.audio.microphone import microphone
from asr.errors import AudioError, UsageError


class PortAudioError(Exception):
    """As sounddevice has it."""


class Card:
    """Delivers the numbers 0, 1, 2, ... in a thread, faster than they are read."""

    enough, unplugged, lost, busy = 4000, False, False, False

    def __init__(
        self, *, samplerate, channels, dtype, device, callback, finished_callback
    ):
        if device == "none":
            raise ValueError("No input device matching 'none'")
        self.callback, self.finished = callback, finished_callback
        self.thread = threading.Thread(target=self.play)
        self.closed = threading.Event()

    def __enter__(self):
        if self.busy:
            raise PortAudioError("Device unavailable")
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.closed.set()
        self.thread.join()

    def play(self):
        status = SimpleNamespace(input_overflow=self.lost)
        for start in range(0, self.enough, 500):
            samples = np.arange(start, start + 500).astype("<i2")
            self.callback(memoryview(samples.tobytes()), 500, None, status)
        if self.unplugged:
            self.finished()
        else:
            os.kill(os.getpid(), signal.SIGINT)
        while not (
            self.unplugged or self.closed.wait(0.01)
        ):  # a card does not know of Ctrl-C
            self.callback(memoryview(bytes(1000)), 500, None, status)


@pytest.fixture
def card(monkeypatch):
    module = SimpleNamespace(RawInputStream=Card, PortAudioError=PortAudioError)
    monkeypatch.setitem(sys.modules, "sounddevice", module)
    # Where the tests run in the background, the shell has had it ignored.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield Card
    signal.signal(signal.SIGINT, before)


def test_samples_come_until_ctrl_c(card):
    before = signal.getsignal(signal.SIGINT)
    with microphone(8000) as source:
        assert source.rate == 8000
        read = b"".join(iter(lambda: source.file.read(1000), b""))
    samples = np.frombuffer(read, "<i2")
    np.testing.assert_array_equal(samples[: card.enough], np.arange(card.enough))
    assert not samples[card.enough :].any()
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
    with monkeypatch.context() as patch:
        patch.setattr(card, "busy", True)
        with pytest.raises(AudioError, match="Device unavailable"), microphone(8000):
            pass
    monkeypatch.setattr(card, "unplugged", True)
    with microphone(8000, "3") as source:
        assert len(source.file.read(2 * card.enough)) == 2 * card.enough
        with pytest.raises(AudioError, match="microphone: the stream ended"):
            source.file.read(2)


def test_lost_samples_are_logged(card, monkeypatch, caplog):
    monkeypatch.setattr(card, "lost", True)
    with microphone(8000) as source:
        while source.file.read(1000):
            pass
    assert "microphone: samples were lost" in caplog.text


def test_without_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "sounddevice", None)
    with pytest.raises(UsageError, match=r"asr-attention\[mic\]"), microphone(8000):
        pass
