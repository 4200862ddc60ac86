"""Decoder of m4a, mp4, webm and others with PyAV (the extra `video`)."""

from __future__ import annotations

import sys
from contextlib import ExitStack
from functools import partial
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

import numpy as np

from asr.audio.track import BLOCK, Track, warn_truncated
from asr.errors import AudioError, install_hint

if TYPE_CHECKING:
    from collections.abc import Iterator

    from av.container import InputContainer

_TIME_BASE = 1_000_000  # units per second of the times of a container
# Audio and video containers only: a playlist could name other files and hosts.
_CONTAINERS = (
    "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,aac,amr,avi,asf,mpeg,mpegts,ogg,mp3,flac,wav"
)


def open_pyav(
    name: str, file: Path | BinaryIO, reason: Exception, stack: ExitStack
) -> Track:
    """Open the first audio stream of a recording that libsndfile cannot read.

    Args:
        name: Name for messages.
        file: Path or seekable binary file.
        reason: Error of libsndfile.
        stack: Closes the container.

    Raises:
        AudioError: PyAV is missing or cannot read the recording either.
    """
    container = _open(name, file, reason, stack)
    stream = container.streams.audio[0]
    lead, seconds = _lead(container), None
    if container.duration is not None:
        seconds = container.duration / _TIME_BASE
    if stream.duration is not None and stream.time_base is not None:
        seconds = lead + float(stream.duration * stream.time_base)
    return Track(
        name=name,
        rate=stream.rate,
        channels=stream.channels,
        frames=None if seconds is None else round(seconds * stream.rate),
        format=container.format.name,
        subtype=stream.codec_context.name,
        chunks=partial(_chunks, name, container, round(lead * stream.rate)),
    )


def _open(
    name: str, file: Path | BinaryIO, reason: Exception, stack: ExitStack
) -> InputContainer:
    why = getattr(reason, "error_string", "raw audio without a header").rstrip(".")
    if "not exist" in why:  # libsndfile's message for an MP3 without a frame
        why = "no sound in it"
    try:
        import av  # noqa: PLC0415  an extra, and slow to import
    except ImportError as error:
        raise AudioError(
            f"{name}: libsndfile cannot read it ({why}); for m4a, mp4, webm and the "
            f"like: {install_hint('video')}"
        ) from error
    if isinstance(file, Path):
        file = stack.enter_context(file.open("rb"))  # FFmpeg would take names for URLs
    else:
        file.seek(0)
    try:
        options = {"format_whitelist": _CONTAINERS}
        # Titles may be in other encodings than UTF-8.
        opened = av.open(file, options=options, metadata_errors="ignore")
        container = stack.enter_context(opened)
    except av.FFmpegError as error:
        raise AudioError(f"{name}: no decoder can read it ({why})") from error
    streams = container.streams.audio
    if not streams or streams[0].codec_context is None or not streams[0].rate:
        raise AudioError(f"{name}: holds no sound that can be decoded")
    return container


def _chunks(
    name: str, container: InputContainer, silence: int, first: int, count: int | None
) -> Iterator[np.ndarray]:
    """Decode with PyAV, from the start: its seeking is not exact to the sample."""
    import av  # noqa: PLC0415  an extra, and slow to import

    end = sys.maxsize if count is None else first + count
    position = 0
    try:
        for block in _blocks(container, silence):
            part = block[max(0, first - position) : end - position]
            position += len(block)
            if len(part):
                yield part
            if position >= end:
                return
    except (av.FFmpegError, ValueError) as error:  # ValueError: the channels changed
        if position <= first:
            raise AudioError(f"{name}: cannot decode it ({error})") from error
        warn_truncated(name, position / container.streams.audio[0].rate)


def _lead(container: InputContainer) -> float:
    """Return the seconds from the start of the container, which players show."""
    stream = container.streams.audio[0]
    if stream.start_time is None or stream.time_base is None:
        return 0.0
    begin = (container.start_time or 0) / _TIME_BASE
    lead = float(stream.start_time * stream.time_base) - begin
    # A damaged file may name any time.
    return lead if 0.0 < lead < (container.duration or 0) / _TIME_BASE else 0.0


def _blocks(container: InputContainer, silence: int) -> Iterator[np.ndarray]:
    """Decode the first audio stream to (N, channels) float32 blocks, after silence."""
    from av import AudioResampler  # noqa: PLC0415  an extra, and slow to import

    stream = container.streams.audio[0]
    for first in range(0, silence, BLOCK):
        size = min(BLOCK, silence - first)
        yield np.zeros((size, stream.channels), np.float32)
    resampler = AudioResampler(format="fltp", rate=stream.rate)
    for frame in chain(container.decode(audio=0), [None]):
        for part in resampler.resample(frame):
            yield part.to_ndarray().T
