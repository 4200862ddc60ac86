"""An open recording."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from asr.errors import AudioError

BLOCK = 1 << 18
"""Frames decoded at a time."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Track:
    """Open recording at its own sample rate.

    Args:
        name: Name for messages.
        rate: Samples per second and channel.
        channels: Number of channels.
        frames: Samples per channel, or None without a length in the header.
        format: Container such as `WAV` or `OGG`.
        subtype: Coding such as `PCM_16` or `OPUS`.
        chunks: `chunks(first, count)` decodes `count` frames (None: all) from `first`
            on, as blocks float32: (N, channels) by a decoder, (N,) by `open_audio`.
    """

    name: str
    rate: int
    channels: int
    frames: int | None
    format: str
    subtype: str
    chunks: Callable[[int, int | None], Iterator[np.ndarray]]


def check_channel(name: str, channel: int | None, channels: int) -> None:
    """Check that a recording has a channel, counted from 1.

    Raises:
        AudioError: It has fewer channels.
    """
    if channel is not None and not 1 <= channel <= channels:
        raise AudioError(f"{name}: no channel {channel}; it has {channels}")


def warn_truncated(name: str, seconds: float) -> None:
    """Log that decoding stopped before the end of a recording."""
    _log.warning("%s: truncated or damaged after %.2f s", name, seconds)
