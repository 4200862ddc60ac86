"""Open recordings: raw samples, libsndfile or PyAV -> mono float32 at own rate."""

from __future__ import annotations

import io
import os
import select
import shutil
import stat
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import BinaryIO

import numpy as np
import soundfile

from asr.audio.pyav_decoder import open_pyav
from asr.audio.shard_clip import ShardClip
from asr.audio.sound_file import open_soundfile
from asr.audio.track import (
    CANCELLED,
    Track,
    cancels,
    check_channel,
    forget_warnings,
    warn_once,
)
from asr.errors import AudioError, UsageError, cannot_read

_SPOOL_BYTES = 64 << 20
_PATIENCE = 10  # seconds
_LOUDEST = 1000.0  # +60 dB over full scale: integers stored as floats
_LOWEST_RATE, _HIGHEST_RATE = 4000, 768_000  # hertz


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
def open_audio(
    source: Source,
    channel: int | None = None,
    track: int | None = None,
    *,
    on_cancelled: Callable[[], None] | None = None,
) -> Iterator[Track]:
    """Open a recording with the first decoder that accepts its content.

    Args:
        source: A file, or a binary file object. This is read from its start and left
            open; a pipe is copied to a temporary file.
        channel: The channel to decode, from 1 on; None for the mean of all.
        track: The sound track to decode, from 1 on; None for the first.
        on_cancelled: Called after a part whose channels cancel each other out.

    Yields:
        The open recording.

    Raises:
        AudioError: The recording is missing, empty, of no known format, has a sampling
            rate below 4 kHz or above 768 kHz, or no such channel or track.
        UsageError: The file object is not binary.
    """
    with ExitStack() as stack:
        if isinstance(source, RawSamples):
            opened = _raw_track(source)
        else:
            opened = _decoder(source, track, stack)
        name = opened.name
        if not _LOWEST_RATE <= opened.rate <= _HIGHEST_RATE:
            raise AudioError(
                f"{name}: the sampling rate must be {_LOWEST_RATE:,} to "
                f"{_HIGHEST_RATE:,} Hz, got {opened.rate:,}"
            )
        if track is not None and not 1 <= track <= opened.tracks:
            raise AudioError(f"{name}: no track {track}; it has {opened.tracks}")
        check_channel(name, channel, opened.channels)
        chunks = partial(_mono_chunks, opened, channel, on_cancelled)
        yield replace(opened, chunks=chunks)


def _decoder(source: File, track: int | None, stack: ExitStack) -> Track:
    """Open a file with libsndfile, or else with PyAV."""
    name, file = _locate(source, stack)
    piped = not isinstance(file, Path) and file is not source
    try:
        return open_soundfile(name, file, piped=piped)
    except (soundfile.LibsndfileError, TypeError) as error:
        # TypeError: soundfile wants a rate for names that end in .raw.
        return open_pyav(name, file, error, stack, track)


def _mono_chunks(
    track: Track,
    channel: int | None,
    on_cancelled: Callable[[], None] | None,
    first: int,
    count: int | None,
) -> Iterator[np.ndarray]:
    """Decode one channel or the mean of all, (N,); say if the channels cancel out."""
    mean = each = 0.0
    for block in track.chunks(first, count):
        mono = _mono(track.name, block, channel)
        if channel is None and track.channels > 1:
            mean += float(np.vdot(mono, mono))
            each += float(np.vdot(block, block)) / track.channels
        yield mono
    if cancels(mean, each):
        warn_once(track.name, "channels", CANCELLED)
        if on_cancelled:
            on_cancelled()


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
    return Track(name, source.rate, 1, "RAW", "PCM_16", chunks, None)


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


def _locate(source: File, stack: ExitStack) -> tuple[str, Path | BinaryIO]:
    """Return the name of a source for messages, and a plain or seekable file."""
    if isinstance(source, ShardClip):
        return str(source), io.BytesIO(source.read())
    try:
        if not isinstance(source, str | Path):
            name = str(getattr(source, "name", "the audio stream"))
            forget_warnings(name)
            return name, _seekable(name, source, stack)
        name, path = str(source), Path(source)
        mode = path.stat().st_mode
        if stat.S_ISFIFO(mode):
            return name, _seekable(name, _open_pipe(path, stack), stack)
        if not stat.S_ISREG(mode):
            kind = "a folder" if stat.S_ISDIR(mode) else "no plain file"
            raise AudioError(f"{name}: this is {kind}; name a recording")
        with path.open("rb") as file:  # fails early without permission
            _seekable(name, file, stack)
    except (OSError, ValueError) as error:  # ValueError: NUL in the name
        reason = getattr(error, "strerror", None) or error
        raise AudioError(cannot_read(name, str(reason))) from error
    return name, path


def _open_pipe(path: Path, stack: ExitStack) -> BinaryIO:
    """Open a named pipe; wait for its writer for a while, not for ever."""
    pipe = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    file = stack.enter_context(os.fdopen(pipe, "rb", buffering=0))
    waiting = select.poll()
    waiting.register(pipe, select.POLLIN)
    if not waiting.poll(1000 * _PATIENCE):
        # A pipe with a slow writer would block; one without a writer is at its end.
        with suppress(BlockingIOError):
            os.read(pipe, 1)
            raise AudioError(f"{path}: no program writes to this named pipe")
    os.set_blocking(pipe, True)
    return file


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
