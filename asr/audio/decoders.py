"""An open recording: libsndfile or PyAV -> mono float32 at the recording's own rate."""

from __future__ import annotations

import io
import logging
import os
import shutil
import stat
import sys
import tempfile
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

import numpy as np
import soundfile

from asr.audio.shard_clip import ShardClip
from asr.errors import AudioError, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from av.container import InputContainer

# Containers of sound only: never a playlist, which could name other files and hosts.
_CONTAINERS = (
    "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,aac,amr,avi,asf,mpeg,mpegts,ogg,mp3,flac,wav"
)
_CHUNK = 1 << 18  # frames decoded at a time
_UNKNOWN_FRAMES = 1 << 62  # libsndfile reports 2^63 - 1 for a stream without a length
_LOUDEST = 1000.0  # +60 dB over full scale: integers that were stored as floats
_SPOOL_BYTES = 64 << 20

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Track:
    """A recording that is open for decoding.

    Args:
        name: What to call it in messages.
        rate: Samples per second and channel.
        channels: How many channels.
        frames: Samples per channel, or None where the header does not tell.
        format: Container, such as `WAV` or `OGG`.
        subtype: Coding, such as `PCM_16` or `OPUS`.
        chunks: `chunks(first, count)` decodes `count` frames (None: all) from `first`
            on, averaged over the channels or of the one asked for, (N,) float32 each.
    """

    name: str
    rate: int
    channels: int
    frames: int | None
    format: str
    subtype: str
    chunks: Callable[[int, int | None], Iterator[np.ndarray]]


@dataclass(frozen=True)
class RawSamples:
    """Samples without a header, as they come out of a pipe.

    Args:
        file: Where they are read from: 16-bit little-endian integers, one channel.
        rate: Samples per second.
    """

    file: BinaryIO
    rate: int


if TYPE_CHECKING:
    File = str | Path | BinaryIO | ShardClip
    Source = File | RawSamples


class _SoundFile(soundfile.SoundFile):
    """Reads on from block to block.

    After each read soundfile seeks to where it is if it may, which leaves up to a
    quarter of a second of silence at the joints of an MP3 with a variable bit rate.
    """

    def seekable(self) -> bool:
        """Keep `read` from seeking; `seek` works all the same."""
        return False


@contextmanager
def opened(source: Source, channel: int | None = None) -> Iterator[Track]:
    """Open a recording with the first decoder that knows it, by content.

    Args:
        source: A file, or a binary file object, which is read from its start and left
            open; one that cannot seek is buffered in a temporary file.
        channel: The channel to decode, from 1 on; None for the mean of all.

    Yields:
        The open recording.

    Raises:
        AudioError: The recording is missing, empty, of no known format or has no such
            channel.
        UsageError: The file object is not binary.
    """
    with ExitStack() as stack:
        if isinstance(source, RawSamples):
            yield _raw_track(source, channel)
            return
        name, file = _locate(source, stack)
        try:
            # By name where there is one: no Python callback for each read.
            target = os.fsencode(file) if isinstance(file, Path) else file
            sound = stack.enter_context(_SoundFile(target))
            track = _sound_track(name, sound, channel)
        except (soundfile.LibsndfileError, TypeError) as error:
            # TypeError: soundfile asks for a rate where a name ends in .raw.
            container = _av_container(name, file, error, stack)
            track = _av_track(name, container, channel)
        yield track


def _raw_track(source: RawSamples, channel: int | None) -> Track:
    if source.rate <= 0:
        raise UsageError(f"rate is {source.rate}; it must be positive")
    name = str(getattr(source.file, "name", "the samples"))
    if not hasattr(source.file, "read") or isinstance(source.file, io.TextIOBase):
        raise UsageError(f"{name} cannot be read as bytes; open it in binary mode")
    _check_channel(name, channel, 1)
    chunks = partial(_raw_chunks, source)
    return Track(name, source.rate, 1, None, "RAW", "PCM_16", chunks)


def _raw_chunks(
    source: RawSamples, first: int, count: int | None
) -> Iterator[np.ndarray]:
    """Decode as samples come; half a sample at the end is left out."""
    skip, left, odd = first, count, b""
    while left is None or left > 0:
        read = source.file.read(source.rate)  # half a second
        if not read:
            return
        data = odd + read
        whole = len(data) // 2 * 2
        samples, odd = np.frombuffer(data[:whole], "<i2"), data[whole:]
        part = samples[skip:][:left].astype(np.float32) / 32768
        skip = max(0, skip - len(samples))
        left = None if left is None else left - len(part)
        if len(part):
            yield part


def _check_channel(name: str, channel: int | None, channels: int) -> None:
    if channel is not None and not 1 <= channel <= channels:
        raise AudioError(f"{name}: no channel {channel}; it has {channels}")


def _locate(source: File, stack: ExitStack) -> tuple[str, Path | BinaryIO]:
    """Name a source for messages and make it a plain file or a seekable object."""
    if isinstance(source, ShardClip):
        return str(source), io.BytesIO(source.read())
    try:
        if not isinstance(source, str | Path):
            name = str(getattr(source, "name", "the audio stream"))
            return name, _seekable(name, source, stack)
        name, path = str(source), Path(source)
        mode = path.stat().st_mode
        if stat.S_ISFIFO(mode):
            return name, _seekable(name, stack.enter_context(path.open("rb")), stack)
        if not stat.S_ISREG(mode):
            kind = "a folder" if stat.S_ISDIR(mode) else "no plain file"
            raise AudioError(f"{name}: this is {kind}; name a recording")
        with path.open("rb") as file:  # a clear word where reading is forbidden
            _seekable(name, file, stack)
    except (OSError, ValueError) as error:  # ValueError: a name with a NUL
        reason = getattr(error, "strerror", None) or error
        raise AudioError(f"{name}: {reason}") from error
    return name, path


def _seekable(name: str, file: BinaryIO, stack: ExitStack) -> BinaryIO:
    """Return the file, or a copy of it if it is a pipe, at its start."""
    if isinstance(file, io.TextIOBase):
        raise UsageError(f"{name} is open as text; open it in binary mode")
    if not file.seekable():
        # Decoders have to jump to the end for the length and back.
        spool = tempfile.SpooledTemporaryFile(_SPOOL_BYTES)  # noqa: SIM115
        shutil.copyfileobj(file, stack.enter_context(spool))
        file = spool  # type: ignore[assignment]
    if not file.seek(0, io.SEEK_END):
        raise AudioError(f"{name}: the file is empty (0 bytes)")
    file.seek(0)
    return file


def _sound_track(name: str, sound: soundfile.SoundFile, channel: int | None) -> Track:
    _check_channel(name, channel, sound.channels)
    return Track(
        name=name,
        rate=sound.samplerate,
        channels=sound.channels,
        frames=sound.frames if sound.frames < _UNKNOWN_FRAMES else None,
        format=sound.format,
        subtype=sound.subtype,
        chunks=partial(_sound_chunks, name, sound, channel),
    )


def _sound_chunks(
    name: str,
    sound: soundfile.SoundFile,
    channel: int | None,
    first: int,
    count: int | None,
) -> Iterator[np.ndarray]:
    """Decode with libsndfile, as far as the recording goes."""
    end = sound.frames if count is None else min(first + count, sound.frames)
    position = first
    # An error still leaves the frames before it in the buffer; the others stay NaN.
    buffer = np.full((0, sound.channels), np.nan, np.float32)
    try:
        # An MP3 frame borrows bits from up to 511 bytes before it, which a seek skips.
        lead = min(first, sound.samplerate) if sound.format == "MP3" else 0
        sound.seek(first - lead)
        sound.read(out=np.empty((lead, sound.channels), np.float32))
        while position < end:
            # A rate of a few samples a second, which is damage, makes seconds long.
            size = min(_CHUNK, 60 * sound.samplerate, end - position)
            buffer = np.full((size, sound.channels), np.nan, np.float32)
            block = sound.read(out=buffer)
            if not len(block):
                return
            position += len(block)
            yield _mono(name, block, channel)
    except soundfile.LibsndfileError as error:
        rest = buffer[~np.isnan(buffer).any(axis=1)]
        position += len(rest)
        if position == first:
            reason = error.error_string
            raise AudioError(f"{name}: cannot decode it ({reason})") from error
        seconds = position / sound.samplerate
        _log.warning("%s: truncated or damaged after %.2f s", name, seconds)
        yield _mono(name, rest, channel)


def _av_container(
    name: str, file: Path | BinaryIO, reason: Exception, stack: ExitStack
) -> InputContainer:
    """Open with PyAV what libsndfile cannot, for `reason`."""
    why = getattr(reason, "error_string", "raw audio without a header").rstrip(".")
    if "not exist" in why:  # what libsndfile says when its MP3 decoder finds no frame
        why = "no sound in it"
    try:
        import av  # noqa: PLC0415  an extra, and slow to import
    except ImportError as error:
        raise AudioError(
            f"{name}: libsndfile cannot read it ({why}); for m4a, mp4, webm and the "
            "like: pip install '.[video]' from asr's checkout"
        ) from error
    if isinstance(file, Path):
        file = stack.enter_context(file.open("rb"))  # FFmpeg would take names for URLs
    else:
        file.seek(0)
    try:
        options = {"format_whitelist": _CONTAINERS}
        # Titles in other encodings than UTF-8 must not be in the way of the sound.
        opened = av.open(file, options=options, metadata_errors="ignore")
        container = stack.enter_context(opened)
    except av.FFmpegError as error:
        raise AudioError(f"{name}: no decoder can read it ({why})") from error
    streams = container.streams.audio
    if not streams or streams[0].codec_context is None or not streams[0].rate:
        raise AudioError(f"{name}: holds no sound that can be decoded")
    return container


def _av_track(name: str, container: InputContainer, channel: int | None) -> Track:
    import av  # noqa: PLC0415  an extra, and slow to import

    stream = container.streams.audio[0]
    _check_channel(name, channel, stream.channels)
    seconds = None
    if container.duration is not None:
        seconds = container.duration / av.time_base
    if stream.duration is not None and stream.time_base is not None:
        seconds = _lead(container) + float(stream.duration * stream.time_base)
    return Track(
        name=name,
        rate=stream.rate,
        channels=stream.channels,
        frames=None if seconds is None else round(seconds * stream.rate),
        format=container.format.name,
        subtype=stream.codec_context.name,
        chunks=partial(_av_chunks, name, container, channel),
    )


def _av_chunks(
    name: str,
    container: InputContainer,
    channel: int | None,
    first: int,
    count: int | None,
) -> Iterator[np.ndarray]:
    """Decode with PyAV, from the start: its seeking is not exact to the sample."""
    import av  # noqa: PLC0415  an extra, and slow to import

    end = sys.maxsize if count is None else first + count
    position = 0
    try:
        for block in _av_blocks(container):
            part = block[max(0, first - position) : end - position]
            position += len(block)
            if len(part):
                yield _mono(name, part, channel)
            if position >= end:
                return
    except (av.FFmpegError, ValueError) as error:  # ValueError: the channels changed
        if position <= first:
            raise AudioError(f"{name}: cannot decode it ({error})") from error
        seconds = position / container.streams.audio[0].rate
        _log.warning("%s: truncated or damaged after %.2f s", name, seconds)


def _lead(container: InputContainer) -> float:
    """Return how many seconds before the sound something else begins, such as video.

    Players count from there.
    """
    import av  # noqa: PLC0415  an extra, and slow to import

    stream = container.streams.audio[0]
    if stream.start_time is None or stream.time_base is None:
        return 0.0
    begin = (container.start_time or 0) / av.time_base
    lead = float(stream.start_time * stream.time_base) - begin
    # A damaged file may name any time.
    return lead if 0.0 < lead < (container.duration or 0) / av.time_base else 0.0


def _av_blocks(container: InputContainer) -> Iterator[np.ndarray]:
    """Decode the first audio stream to (N, channels) float32 blocks."""
    from av import AudioResampler  # noqa: PLC0415  an extra, and slow to import

    stream = container.streams.audio[0]
    silence = round(_lead(container) * stream.rate)
    for first in range(0, silence, _CHUNK):
        size = min(_CHUNK, silence - first)
        yield np.zeros((size, stream.channels), np.float32)
    resampler = AudioResampler(format="fltp", rate=stream.rate)
    for frame in container.decode(audio=0):
        for part in resampler.resample(frame):
            yield part.to_ndarray().T
    for part in resampler.resample(None):
        yield part.to_ndarray().T


def _mono(name: str, block: np.ndarray, channel: int | None) -> np.ndarray:
    """Average the channels of a block, (N, channels), once its numbers are sane.

    Or take one of them, counted from 1.
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
