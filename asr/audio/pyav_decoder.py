"""Decoder of m4a, mp4, webm and others with PyAV (the extra `video`)."""

from __future__ import annotations

import sys
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, NamedTuple

import numpy as np

from asr.audio.structure import structure
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

    from av import AudioResampler
    from av.audio.frame import AudioFrame
    from av.audio.layout import AudioLayout
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
    truncated = structure(file).truncated
    movie = _Movie(name, file, reason, (track or 1) - 1, truncated)
    with movie.open() as container:
        streams = container.streams.audio
        if track is None and len(streams) > 1:
            text = f"this is the first of {len(streams)} sound tracks; see --track"
            warn_once(name, "tracks", text)
        # A track that is not there is refused by its number.
        stream = streams[min(movie.track, len(streams) - 1)]
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


class _Movie(NamedTuple):
    """File that PyAV reads, opened anew for each use.

    Args:
        name: Name for messages.
        file: Seekable binary file.
        reason: Error of libsndfile.
        track: Number of the sound track, from 0 on.
        truncated: The file ends too early, by its structure.
    """

    name: str
    file: BinaryIO
    reason: Exception
    track: int
    truncated: bool

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
        self.file.seek(4)
        if self.file.read(4) == b"ftyp":
            why = "MP4 that is damaged, or cut off before its index"
        self.file.seek(0)
        try:
            options = {"format_whitelist": _CONTAINERS}
            # Titles may be in other encodings than UTF-8.
            opened = av.open(self.file, options=options, metadata_errors="ignore")
        except av.FFmpegError as error:
            raise AudioError(f"{self.name}: no decoder can read it ({why})") from error
        with opened as container:
            streams = container.streams.audio
            for stream in streams[self.track : self.track + 1] or streams[:1]:
                if stream.codec_context is not None and stream.rate:
                    yield container
                    return
        raise AudioError(f"{self.name}: holds no sound that can be decoded")

    def _reader(self, container: InputContainer) -> _Reader:
        stream = container.streams.audio[self.track]
        form = stream.rate, stream.layout
        return _Reader(container, stream, form, self.truncated)

    def measure(self) -> int:
        """Count the samples per channel by the lengths of packets, not decoding."""
        import av  # noqa: PLC0415  an extra, and slow to import

        with self.open() as container:
            reader = self._reader(container)
            try:
                for _ in reader.packets():
                    pass
            except av.FFmpegError:
                reader.truncated = True
            if not reader.end:
                return sum(len(block) for block in self.chunks(0, None))
            reader.warn(self.name)
            return round(reader.end * reader.form[0])

    def chunks(self, first: int, count: int | None) -> Iterator[np.ndarray]:
        """Decode from the start: seeking is not exact to the sample."""
        import av  # noqa: PLC0415  an extra, and slow to import

        end = sys.maxsize if count is None else first + count
        position = 0
        with self.open() as container:
            reader = self._reader(container)
            try:
                for block in reader.blocks():
                    part = block[max(0, first - position) : end - position]
                    position += len(block)
                    if len(part):
                        yield part
                    if position >= end:
                        return
            except av.FFmpegError:  # at the end of what can be read
                reader.truncated = True
            if reader.error and not reader.decoded:
                text = f"{self.name}: cannot decode it ({reader.error})"
                raise AudioError(text) from reader.error
            reader.warn(self.name)


@dataclass
class _Reader:
    """Reads a sound track of an open container.

    Attributes:
        container: The container.
        stream: The track.
        form: Its rate and layout at the start; a joined file may change them.
        truncated: The file ends too early.
        end: Seconds that its packets hold, after the silence before them.
        last: The latest time of a packet of any track: pictures may be longer.
        decoded: A packet could be decoded.
        error: Why another could not.
    """

    container: InputContainer
    stream: AudioStream
    form: tuple[int, AudioLayout]
    truncated: bool
    end: float = 0.0
    last: float = 0.0
    decoded: bool = False
    error: Exception | None = None

    def packets(self) -> Iterator[Packet]:
        """Yield the packets of the track, the one that ends the decoding last.

        Their times begin anew where files are joined, so lengths are added up.
        """
        begin = (self.container.start_time or 0) / _TIME_BASE
        self.end = _lead(self.container, self.stream)
        for packet in self.container.demux():
            own = packet.stream.index == self.stream.index
            if packet.pts is not None and packet.time_base is not None:
                stop = packet.pts + (packet.duration or 0)
                self.last = max(self.last, float(stop * packet.time_base) - begin)
            if own:
                self.end += _seconds(packet)
                yield packet

    def blocks(self) -> Iterator[np.ndarray]:
        """Decode to (N, channels) float32 blocks, after the silence before it.

        Silence stands for packets that are damaged.
        """
        yield from self._silence(_lead(self.container, self.stream))
        for frames in self._frames():
            if isinstance(frames, float):
                yield from self._silence(frames)
            else:
                for frame in frames:
                    yield frame.to_ndarray().T

    def _frames(self) -> Iterator[list[AudioFrame] | float]:
        """Yield frames of one form, or the length of a damaged packet in seconds."""
        from av import FFmpegError  # noqa: PLC0415  an extra, and slow to import

        resampler, before = self._resampler(), None
        for packet in self.packets():
            try:
                frames = self.stream.decode(packet)
            except FFmpegError as error:
                self.error = error
                yield _seconds(packet)
                continue
            for frame in frames:
                self.decoded = True
                form = frame.sample_rate, frame.layout.name
                if form != before:  # at the start, and in a joined file
                    yield resampler.resample(None)
                    resampler, before = self._resampler(), form
                yield resampler.resample(frame)
        yield resampler.resample(None)

    def _resampler(self) -> AudioResampler:
        from av import AudioResampler  # noqa: PLC0415  an extra, and slow to import

        rate, layout = self.form
        return AudioResampler("fltp", layout, rate)

    def _silence(self, seconds: float) -> Iterator[np.ndarray]:
        rate, layout = self.form
        samples = round(seconds * rate)
        for first in range(0, samples, BLOCK):
            size = min(BLOCK, samples - first)
            yield np.zeros((size, layout.nb_channels), np.float32)

    def warn(self, name: str) -> None:
        """Warn, at the end, of damage or a header that says another length."""
        stream = self.stream
        if self.error:
            text = f"damaged; {self.end:.2f} s of it can be decoded"
            warn_once(name, "length", text)
        elif self.truncated:
            warn_truncated(name, self.end)
        elif stream.duration is not None and stream.time_base is not None:
            header = _lead(self.container, stream) + float(
                stream.duration * stream.time_base
            )
            warn_length(name, header, self.end)
        elif self.container.duration is not None:
            header = self.container.duration / _TIME_BASE
            if abs(header - max(self.last, self.end)) > TOLERANCE:
                warn_length(name, header, self.end)


def _seconds(packet: Packet) -> float:
    if packet.duration is None or packet.time_base is None:
        return 0.0
    return float(packet.duration * packet.time_base)


def _lead(container: InputContainer, stream: AudioStream) -> float:
    """Return the seconds from the start of the container, which players show."""
    if stream.start_time is None or stream.time_base is None:
        return 0.0
    begin = (container.start_time or 0) / _TIME_BASE
    lead = float(stream.start_time * stream.time_base) - begin
    # A damaged file may name any time.
    return lead if 0.0 < lead < (container.duration or 0) / _TIME_BASE else 0.0
