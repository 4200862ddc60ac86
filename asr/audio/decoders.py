"""Open recordings: raw samples, libsndfile or PyAV -> mono float32 at own rate."""

from __future__ import annotations

import io
import os
import shutil
import stat
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import BinaryIO

import numpy as np
import soundfile

from asr.audio.pyav_decoder import open_pyav
from asr.audio.shard_clip import ShardClip
from asr.audio.track import BLOCK, Track, check_channel, warn_truncated
from asr.errors import AudioError, UsageError

_SPOOL_BYTES = 64 << 20
_LOUDEST = 1000.0  # +60 dB over full scale: integers stored as floats
_UNKNOWN_FRAMES = 1 << 62  # libsndfile reports 2^63 - 1 for a stream without a length


@dataclass(frozen=True)
class RawSamples:
    """Samples without a header, such as from a pipe.

    Args:
        file: Binary file of 16-bit little-endian integers, one channel.
        rate: Samples per second.
    """

    file: BinaryIO
    rate: int


File = str | Path | BinaryIO | ShardClip
Source = File | RawSamples


@contextmanager
def open_audio(source: Source, channel: int | None = None) -> Iterator[Track]:
    """Open a recording with the first decoder that accepts its content.

    Args:
        source: A file, or a binary file object. This is read from its start and left
            open; a pipe is copied to a temporary file.
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
            track = _raw_track(source)
        else:
            name, file = _locate(source, stack)
            try:
                track = _open_soundfile(name, file, stack)
            except (soundfile.LibsndfileError, TypeError) as error:
                # TypeError: soundfile wants a rate for names that end in .raw.
                track = open_pyav(name, file, error, stack)
        check_channel(track.name, channel, track.channels)

        def chunks(first: int, count: int | None) -> Iterator[np.ndarray]:
            for block in track.chunks(first, count):
                yield _mono(track.name, block, channel)

        yield replace(track, chunks=chunks)


def _mono(name: str, block: np.ndarray, channel: int | None) -> np.ndarray:
    """Check a block (N, channels), and return one channel or the mean, (N,)."""
    peak = max(block.max(initial=0.0), -block.min(initial=0.0))
    if not np.isfinite(peak):
        raise AudioError(f"{name}: holds NaN or infinity; export it again")
    if peak > _LOUDEST:
        raise AudioError(f"{name}: samples reach {peak:.6g}; scale them to [-1, 1]")
    if channel is not None:
        return np.ascontiguousarray(block[:, channel - 1], np.float32)
    # Adding columns is ten times faster than mean(axis=1) over a short axis.
    return np.asarray(sum(block.T) / block.shape[1], np.float32)


def _raw_track(source: RawSamples) -> Track:
    if source.rate <= 0:
        raise UsageError(f"rate must be positive, got {source.rate}")
    name = str(getattr(source.file, "name", "the samples"))
    if not hasattr(source.file, "read") or isinstance(source.file, io.TextIOBase):
        raise UsageError(f"{name} cannot be read as bytes; open it in binary mode")
    chunks = partial(_raw_chunks, source)
    return Track(name, source.rate, 1, None, "RAW", "PCM_16", chunks)


def _raw_chunks(
    source: RawSamples, first: int, count: int | None
) -> Iterator[np.ndarray]:
    """Decode samples as they arrive; drop half a sample at the end."""
    skip, left, odd = first, count, b""
    while left is None or left > 0:
        read = source.file.read(2 * max(1, source.rate // 10))  # a tenth of a second
        if not read:
            return
        data = odd + read
        whole = len(data) // 2 * 2
        samples, odd = np.frombuffer(data[:whole], "<i2"), data[whole:]
        part = samples[skip:][:left].astype(np.float32) / 32768
        skip = max(0, skip - len(samples))
        left = None if left is None else left - len(part)
        if len(part):
            yield part[:, None]


class _SoundFile(soundfile.SoundFile):
    """Sound file that does not seek between blocks.

    soundfile seeks to its position after each read. In an MP3 of variable bit rate this
    leaves up to a quarter of a second of silence between blocks.
    """

    def seekable(self) -> bool:
        """Keep `read` from seeking; `seek` still works."""
        return False


def _open_soundfile(name: str, file: Path | BinaryIO, stack: ExitStack) -> Track:
    """Open WAV, FLAC, Ogg, Opus, MP3 and more with libsndfile, by content."""
    # A path where there is one: no Python callback for each read.
    target = os.fsencode(file) if isinstance(file, Path) else file
    sound = stack.enter_context(_SoundFile(target))
    return Track(
        name=name,
        rate=sound.samplerate,
        channels=sound.channels,
        frames=sound.frames if sound.frames < _UNKNOWN_FRAMES else None,
        format=sound.format,
        subtype=sound.subtype,
        chunks=partial(_sound_chunks, name, sound),
    )


def _sound_chunks(
    name: str, sound: soundfile.SoundFile, first: int, count: int | None
) -> Iterator[np.ndarray]:
    """Decode up to the end, or to where the recording is damaged."""
    end = sound.frames if count is None else min(first + count, sound.frames)
    position = first
    # On an error the buffer holds the frames decoded before it; the others stay NaN.
    buffer = np.full((0, sound.channels), np.nan, np.float32)
    try:
        # An MP3 frame uses bits of up to 511 bytes before it, which a seek skips.
        lead = min(first, sound.samplerate) if sound.format == "MP3" else 0
        sound.seek(first - lead)
        sound.read(out=np.empty((lead, sound.channels), np.float32))
        while position < end:
            # A damaged header may have a rate of a few hertz.
            size = min(BLOCK, 60 * sound.samplerate, end - position)
            buffer = np.full((size, sound.channels), np.nan, np.float32)
            block = sound.read(out=buffer)
            if not len(block):
                return
            position += len(block)
            yield block
    except soundfile.LibsndfileError as error:
        rest = buffer[~np.isnan(buffer).any(axis=1)]
        position += len(rest)
        if position == first:
            raise AudioError(
                f"{name}: cannot decode it ({error.error_string})"
            ) from error
        warn_truncated(name, position / sound.samplerate)
        yield rest


def _locate(source: File, stack: ExitStack) -> tuple[str, Path | BinaryIO]:
    """Return the name of a source for messages, and a plain or seekable file."""
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
        with path.open("rb") as file:  # fails early without permission
            _seekable(name, file, stack)
    except (OSError, ValueError) as error:  # ValueError: NUL in the name
        reason = getattr(error, "strerror", None) or error
        raise AudioError(f"{name}: {reason}") from error
    return name, path


def _seekable(name: str, file: BinaryIO, stack: ExitStack) -> BinaryIO:
    """Return the file, or a copy of a pipe, at its start."""
    if isinstance(file, io.TextIOBase):
        raise UsageError(f"{name} is open as text; open it in binary mode")
    if not file.seekable():
        # Decoders seek to the end for the length.
        spool = tempfile.SpooledTemporaryFile(_SPOOL_BYTES)  # noqa: SIM115
        shutil.copyfileobj(file, stack.enter_context(spool))
        file = spool  # type: ignore[assignment]
    if not file.seek(0, io.SEEK_END):
        raise AudioError(f"{name}: the file is empty (0 bytes)")
    file.seek(0)
    return file
