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
from asr.errors import AudioError, UsageError, install_hint

log = logging.getLogger(__name__)

_PATIENCE = 0.2  # seconds


class _Stream:
    """File-like stream until Ctrl-C; the thread of the sound card fills a queue."""

    name = "the microphone"

    def __init__(self) -> None:
        self._queue: SimpleQueue[bytes] = SimpleQueue()
        self._held = b""
        self.stopped = False
        self.failed = False

    def push(self, data: Any, _: int, __: object, status: Any) -> None:
        """Queue samples; callback of the sound card."""
        if status.input_overflow:
            log.warning("%s: samples were lost", self.name)
        if not self.stopped:
            self._queue.put(bytes(data))

    def end(self) -> None:
        """Mark the end of the stream; callback of the sound card."""
        self.failed = not self.stopped

    def read(self, size: int) -> bytes:
        """Wait for `size` bytes of 16-bit samples; return fewer at the end."""
        while len(self._held) < size:
            try:
                self._held += self._queue.get(timeout=_PATIENCE)
            except Empty:
                if self.failed:
                    raise AudioError(f"{self.name}: the stream ended") from None
                if self.stopped:
                    break
        data, self._held = self._held[:size], self._held[size:]
        return data


def sound_library() -> Any:
    """Return the library `sounddevice`.

    Raises:
        UsageError: The extra `mic`, or PortAudio, is not installed.
    """
    try:
        return importlib.import_module("sounddevice")
    except ImportError:
        raise UsageError(
            f"listening needs the extra `mic`: {install_hint('mic')}"
        ) from None
    except OSError:  # sounddevice without the library PortAudio
        raise UsageError(
            "listening needs PortAudio, such as the package libportaudio2"
        ) from None


@contextmanager
def microphone(rate: int, device: str | None = None) -> Iterator[RawSamples]:
    """Open the microphone. Ctrl-C ends the stream, a second one interrupts as usual.

    Args:
        rate: Samples per second.
        device: Name, part of it or number of a sound card; by default the system's.

    Yields:
        The samples, as they arrive.

    Raises:
        AudioError: The microphone is missing or does not support the rate.
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
            callback=stream.push,
            finished_callback=stream.end,
        )
    except (sounddevice.PortAudioError, ValueError) as error:
        raise AudioError(f"{_Stream.name}: {error}") from error

    def stop(*_: object) -> None:
        stream.stopped = True
        signal.signal(signal.SIGINT, before)

    # Before the stream starts, so that no Ctrl-C is missed.
    before = signal.signal(signal.SIGINT, stop)
    try:
        with ExitStack() as stack:
            try:
                stack.enter_context(opened)
            except sounddevice.PortAudioError as error:
                raise AudioError(f"{_Stream.name}: {error}") from error
            yield RawSamples(stream, rate)  # type: ignore[arg-type]  # has the only method used, read
            stream.stopped = True  # a normal end, not a failure
    finally:
        signal.signal(signal.SIGINT, before)
