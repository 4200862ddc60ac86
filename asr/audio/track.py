"""An open recording, and the conversion of its blocks to mono."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from asr.errors import AudioError

BLOCK = 1 << 18
"""Frames decoded at a time."""

_LOUDEST = 1000.0  # +60 dB over full scale: integers stored as floats
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
            on, as blocks (N,) float32 of the chosen channel or the mean of all.
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


def to_mono(name: str, block: np.ndarray, channel: int | None) -> np.ndarray:
    """Average the channels of a block, or take one.

    Args:
        name: Name for messages.
        block: Decoded frames, (N, channels) float32.
        channel: The channel to take, from 1 on; None for the mean.

    Returns:
        (N,) float32.

    Raises:
        AudioError: Samples are NaN, infinite or far beyond full scale.
    """
    peak = max(block.max(initial=0.0), -block.min(initial=0.0))
    if not np.isfinite(peak):
        raise AudioError(f"{name}: holds NaN or infinity; export it again")
    if peak > _LOUDEST:
        raise AudioError(f"{name}: samples reach {peak:.6g}; scale them to [-1, 1]")
    if channel is not None:
        return np.ascontiguousarray(block[:, channel - 1], np.float32)
    # Adding columns is ten times faster than mean(axis=1) over a short axis.
    return np.asarray(sum(block.T) / block.shape[1], np.float32)


def warn_truncated(name: str, seconds: float) -> None:
    """Log that decoding stopped before the end of a recording."""
    _log.warning("%s: truncated or damaged after %.2f s", name, seconds)
