"""An open recording."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from asr.errors import AudioError

BLOCK = 1 << 18
"""Frames decoded at a time."""

TOLERANCE = 0.5
"""Seconds by which a header and what a recording holds may differ."""

CANCELLED = "its channels cancel each other out (opposite phase); give --channel 1"
"""Why the mean of the channels of a recording is next to nothing."""

_CANCELLED = 1e-3  # energy of the mean, relative to that of the channels

_log = logging.getLogger(__name__)
_MOST_NAMES = 10_000
_warned: dict[str, set[str]] = {}  # subjects by name


@dataclass(frozen=True)
class Track:
    """Open recording at its own sample rate.

    Args:
        name: Name for messages.
        rate: Samples per second and channel.
        channels: Number of channels.
        format: Container such as `WAV` or `OGG`.
        subtype: Coding such as `PCM_16` or `OPUS`.
        chunks: `chunks(first, count)` decodes `count` frames (None: all) from `first`
            on, as blocks float32: (N, channels) by a decoder, (N,) by `open_audio`.
        measure: Counts the samples per channel that are there; None for a stream. It
            decodes only where the file does not tell.
        tracks: Number of sound tracks in the file.
    """

    name: str
    rate: int
    channels: int
    format: str
    subtype: str
    chunks: Callable[[int, int | None], Iterator[np.ndarray]]
    measure: Callable[[], int] | None
    tracks: int = 1


def warn_once(name: str, subject: str, message: str) -> None:
    """Log a warning on a recording, one for each subject however often it is read."""
    if len(_warned) > _MOST_NAMES:
        _warned.clear()  # clients of a server send any number of names
    subjects = _warned.setdefault(name, set())
    if subject not in subjects:
        subjects.add(subject)
        _log.warning("%s: %s", name, message)


def forget_warnings(name: str) -> None:
    """Forget the warnings on a name, which now stands for another stream."""
    _warned.pop(name, None)


def check_channel(name: str, channel: int | None, channels: int) -> None:
    """Check that a recording has a channel, counted from 1.

    Raises:
        AudioError: It has fewer channels.
    """
    if channel is not None and not 1 <= channel <= channels:
        raise AudioError(f"{name}: no channel {channel}; it has {channels}")


def cancels(mean: float, each: float) -> bool:
    """Return whether channels cancel out in their mean.

    Args:
        mean: Energy of the mean.
        each: Energy of the channels, on average.
    """
    return mean < _CANCELLED * each


def warn_truncated(name: str, seconds: float) -> None:
    """Log that decoding stopped before the end of a recording."""
    warn_once(name, "length", f"truncated or damaged after {seconds:.2f} s")


def warn_length(name: str, header: float, seconds: float) -> None:
    """Log a header that differs from what the recording holds, both in seconds."""
    if abs(header - seconds) > TOLERANCE:
        text = f"its header says {header:.2f} s, but it holds {seconds:.2f} s"
        warn_once(name, "length", text)
