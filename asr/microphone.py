"""The microphone as a stream of raw samples, through the extra `mic`."""

from __future__ import annotations

import importlib
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from asr.errors import AudioError, UsageError
from asr.recording import RawSamples

_BYTES = 2  # of a sample


class _Stream:
    """Reads a sound card's stream like a file, up to where Ctrl-C is pressed."""

    name = "the microphone"

    def __init__(self, stream: Any, failures: Any) -> None:  # noqa: ANN401 - sounddevice has no types
        self._stream, self._failures = stream, failures
        self.stopped = False

    def read(self, size: int) -> bytes:
        """Wait for so many bytes of 16-bit samples; none come after the end."""
        if self.stopped:
            return b""
        try:
            samples, _ = self._stream.read(size // _BYTES)
        except self._failures as error:
            raise AudioError(f"{self.name}: {error}") from error
        return bytes(samples)


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
    try:
        sounddevice = importlib.import_module("sounddevice")
    except ImportError:
        raise UsageError(
            "listening needs the extra `mic`: pip install 'asr[mic]'"
        ) from None
    except OSError:  # what it raises without the library it stands on
        raise UsageError(
            "listening needs PortAudio, such as the package libportaudio2"
        ) from None
    failures = sounddevice.PortAudioError, ValueError
    wanted = int(device) if device is not None and device.isdigit() else device
    try:
        opened = sounddevice.RawInputStream(
            samplerate=rate, channels=1, dtype="int16", device=wanted
        )
    except failures as error:
        raise AudioError(f"{_Stream.name}: {error}") from error
    with opened:
        stream = _Stream(opened, failures)

        def stop(*_: object) -> None:
            stream.stopped = True
            signal.signal(signal.SIGINT, before)

        before = signal.signal(signal.SIGINT, stop)
        try:
            yield RawSamples(stream, rate)  # type: ignore[arg-type]  # all that is read
        finally:
            signal.signal(signal.SIGINT, before)
