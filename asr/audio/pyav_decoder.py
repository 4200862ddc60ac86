"""Decoder of m4a, mp4, webm and others with PyAV (the extra `video`)."""

from __future__ import annotations

import sys
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

import numpy as np

from asr.audio.track import (
    BLOCK,
    TOLERANCE,
    Track,
    warn_length,
    warn_once,
    warn_truncated,
)
from asr.errors import AudioError, install_hint

if TYPE_CHECKING:
    from collections.abc import Iterator

    from av.audio.stream import AudioStream
    from av.container import InputContainer
    from av.packet import Packet

_TIME_BASE = 1_000_000  # units per second of the times of a container
# Audio and video containers only: a playlist could name other files and hosts.
_CONTAINERS = (
    "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,aac,amr,avi,asf,mpeg,mpegts,ogg,mp3,flac,wav"
)


def open_pyav(
    name: str,
    file: Path | BinaryIO,
    reason: Exception,
    stack: ExitStack,
    track: int | None = None,
) -> Track:
    """Open a sound track of a recording that libsndfile cannot read.

    Args:
        name: Name for messages.
        file: Path or seekable binary file.
        reason: Error of libsndfile.
        stack: Closes the file.
        track: Number of the track, from 1 on; None for the first, with a warning if
            there are others.

    Raises:
        AudioError: PyAV is missing or cannot read the recording either.
    """
    if isinstance(file, Path):
        file = stack.enter_context(file.open("rb"))  # FFmpeg would take names for URLs
    movie = _Movie(name, file, reason, (track or 1) - 1)
    with movie.open() as container:
        streams = container.streams.audio
        if track is None and len(streams) > 1:
            text = f"this is the first of {len(streams)} sound tracks; see --track"
            warn_once(name, "tracks", text)
        # A track that is not there is refused by its number.
        stream = streams[min(movie.index, len(streams) - 1)]
        return Track(
            name=name,
            rate=stream.rate,
            channels=stream.channels,
            format=container.format.name,
            subtype=stream.codec_context.name,
            chunks=movie.chunks,
            measure=movie.measure,
            tracks=len(streams),
        )


@dataclass(frozen=True)
class _Movie:
    """File that PyAV reads, opened anew for each use.

    Args:
        name: Name for messages.
        file: Seekable binary file.
        reason: Error of libsndfile.
        index: Number of the sound track, from 0 on.
    """

    name: str
    file: BinaryIO
    reason: Exception
    index: int

    @contextmanager
    def open(self) -> Iterator[InputContainer]:
        """Open the container; it has a sound track that can be decoded."""
        why = getattr(self.reason, "error_string", "raw audio without a header")
        why = why.rstrip(".")
        if "not exist" in why:  # libsndfile's message for an MP3 without a frame
            why = "no sound in it"
        try:
            import av  # noqa: PLC0415  an extra, and slow to import
        except ImportError as error:
            raise AudioError(
                f"{self.name}: libsndfile cannot read it ({why}); for m4a, mp4, webm "
                f"and the like: {install_hint('video')}"
            ) from error
        self.file.seek(0)
        try:
            options = {"format_whitelist": _CONTAINERS}
            # Titles may be in other encodings than UTF-8.
            opened = av.open(self.file, options=options, metadata_errors="ignore")
        except av.FFmpegError as error:
            raise AudioError(f"{self.name}: no decoder can read it ({why})") from error
        with opened as container:
            streams = container.streams.audio
            for stream in streams[self.index : self.index + 1] or streams[:1]:
                if stream.codec_context is not None and stream.rate:
                    yield container
                    return
        raise AudioError(f"{self.name}: holds no sound that can be decoded")

    def measure(self) -> int:
        """Count the samples per channel by the times of the packets, not decoding."""
        import av  # noqa: PLC0415  an extra, and slow to import

        with self.open() as container:
            reader = _Reader(container, container.streams.audio[self.index])
            try:
                for _ in reader.packets():
                    pass
            except av.FFmpegError:
                warn_truncated(self.name, reader.end)
            reader.warn(self.name)
            return round(reader.end * reader.stream.rate)

    def chunks(self, first: int, count: int | None) -> Iterator[np.ndarray]:
        """Decode from the start: seeking is not exact to the sample."""
        import av  # noqa: PLC0415  an extra, and slow to import

        end = sys.maxsize if count is None else first + count
        position = 0
        with self.open() as container:
            reader = _Reader(container, container.streams.audio[self.index])
            try:
                for block in reader.blocks():
                    part = block[max(0, first - position) : end - position]
                    position += len(block)
                    if len(part):
                        yield part
                    if position >= end:
                        return
            except (av.FFmpegError, ValueError) as error:  # ValueError: other channels
                if position <= first:
                    raise AudioError(
                        f"{self.name}: cannot decode it ({error})"
                    ) from error
                warn_truncated(self.name, position / reader.stream.rate)
                return
            reader.warn(self.name)


@dataclass
class _Reader:
    """Reads a sound track of an open container.

    Attributes:
        container: The container.
        stream: The track.
        end: Second up to which packets of the track were read.
        last: The same for all tracks: pictures may be longer than the sound.
    """

    container: InputContainer
    stream: AudioStream
    end: float = 0.0
    last: float = 0.0

    def packets(self) -> Iterator[Packet]:
        """Yield the packets of the track, the one that ends the decoding last."""
        begin = (self.container.start_time or 0) / _TIME_BASE
        for packet in self.container.demux():
            own = packet.stream.index == self.stream.index
            if packet.pts is not None and packet.time_base is not None:
                stop = packet.pts + (packet.duration or 0)
                end = float(stop * packet.time_base) - begin
                self.last = max(self.last, end)
                self.end = max(self.end, end) if own else self.end
            if own:
                yield packet

    def blocks(self) -> Iterator[np.ndarray]:
        """Decode to (N, channels) float32 blocks, after the silence before it."""
        from av import AudioResampler  # noqa: PLC0415  an extra, and slow to import

        stream = self.stream
        silence = round(_lead(self.container, stream) * stream.rate)
        for first in range(0, silence, BLOCK):
            size = min(BLOCK, silence - first)
            yield np.zeros((size, stream.channels), np.float32)
        resampler = AudioResampler(format="fltp", rate=stream.rate)
        decoded = (packet.decode() for packet in self.packets())
        for frame in chain(chain.from_iterable(decoded), [None]):
            for part in resampler.resample(frame):
                yield part.to_ndarray().T

    def warn(self, name: str) -> None:
        """Warn, at the end, if the header says another length."""
        stream = self.stream
        if stream.duration is not None and stream.time_base is not None:
            header = _lead(self.container, stream) + float(
                stream.duration * stream.time_base
            )
            warn_length(name, header, self.end)
        elif self.container.duration is not None:
            header = self.container.duration / _TIME_BASE
            if abs(header - self.last) > TOLERANCE:
                warn_length(name, header, self.end)


def _lead(container: InputContainer, stream: AudioStream) -> float:
    """Return the seconds from the start of the container, which players show."""
    if stream.start_time is None or stream.time_base is None:
        return 0.0
    begin = (container.start_time or 0) / _TIME_BASE
    lead = float(stream.start_time * stream.time_base) - begin
    # A damaged file may name any time.
    return lead if 0.0 < lead < (container.duration or 0) / _TIME_BASE else 0.0
