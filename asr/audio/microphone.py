"""The microphone as a stream of raw samples, through the extra `mic`."""

from __future__ import annotations

import importlib
import logging
import signal
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from queue import Empty, SimpleQueue
from typing import Any

from asr.audio.decoders import RawSamples
from asr.errors import AudioError, UsageError

log = logging.getLogger(__name__)

_PATIENCE = 0.2  # seconds


class _Stream:
    """Reads what a sound card delivers like a file, up to where Ctrl-C is pressed.

    The card delivers in a thread of its own: what is said while a model is at work
    waits here.
    """

    name = "the microphone"

    def __init__(self) -> None:
        self._delivered: SimpleQueue[bytes] = SimpleQueue()
        self._held = b""
        self.stopped = False
        self.failed = False

    def take(self, data: Any, _: int, __: object, status: Any) -> None:
        """Take in samples; the card's callback."""
        if status.input_overflow:
            log.warning("%s: some sound was lost", self.name)
        if not self.stopped:
            self._delivered.put(bytes(data))

    def end(self) -> None:
        """Note that the card delivers no more."""
        self.failed = not self.stopped

    def read(self, size: int) -> bytes:
        """Wait for so many bytes of 16-bit samples; fewer are the last ones."""
        while len(self._held) < size:
            try:
                self._held += self._delivered.get(timeout=_PATIENCE)
            except Empty:
                if self.failed:
                    raise AudioError(f"{self.name}: it delivers no more") from None
                if self.stopped:
                    break
        data, self._held = self._held[:size], self._held[size:]
        return data


def sound_library() -> Any:
    """Return the library that reads the microphone.

    Raises:
        UsageError: The extra `mic`, or PortAudio, is not installed.
    """
    try:
        return importlib.import_module("sounddevice")
    except ImportError:
        raise UsageError(
            "listening needs the extra `mic`: pip install '.[mic]' from asr's checkout"
        ) from None
    except OSError:  # what it raises without the library it stands on
        raise UsageError(
            "listening needs PortAudio, such as the package libportaudio2"
        ) from None


@contextmanager
def microphone(rate: int, device: str | None = None) -> Iterator[RawSamples]:
    """Open the microphone; Ctrl-C ends the stream instead of the program.

    A second Ctrl-C interrupts as usual.

    Args:
        rate: Samples per second.
        device: Name, part of a name or number of a sound card; the system's choice if
            not given.

    Yields:
        Its samples, as they come.

    Raises:
        AudioError: There is no such microphone, or it does not work at this rate.
        UsageError: The extra `mic`, or PortAudio, is not installed.
    """
    sounddevice = sound_library()
    wanted = int(device) if device is not None and device.isdigit() else device
    stream = _Stream()
    try:
        opened = sounddevice.RawInputStream(
            samplerate=rate,
            channels=1,
            dtype="int16",
            device=wanted,
            callback=stream.take,
            finished_callback=stream.end,
        )
    except (sounddevice.PortAudioError, ValueError) as error:
        raise AudioError(f"{_Stream.name}: {error}") from error

    def stop(*_: object) -> None:
        stream.stopped = True
        signal.signal(signal.SIGINT, before)

    # Before the card delivers, so that no Ctrl-C is missed.
    before = signal.signal(signal.SIGINT, stop)
    try:
        with ExitStack() as delivering:
            try:
                delivering.enter_context(opened)
            except sounddevice.PortAudioError as error:
                raise AudioError(f"{_Stream.name}: {error}") from error
            yield RawSamples(stream, rate)  # type: ignore[arg-type]  # all that is read
            stream.stopped = True  # the card ends because we do
    finally:
        signal.signal(signal.SIGINT, before)
