"""Open recordings: raw samples, libsndfile or PyAV -> mono float32 at own rate."""

from __future__ import annotations

import io
import shutil
import stat
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import BinaryIO

import numpy as np
import soundfile

from asr.audio.pyav_decoder import container_track, open_container
from asr.audio.shard_clip import ShardClip
from asr.audio.soundfile_decoder import open_soundfile
from asr.audio.track import Track, check_channel
from asr.errors import AudioError, UsageError

_SPOOL_BYTES = 64 << 20


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
            yield _raw_track(source, channel)
            return
        name, file = _locate(source, stack)
        try:
            track = open_soundfile(name, file, channel, stack)
        except (soundfile.LibsndfileError, TypeError) as error:
            # TypeError: soundfile wants a rate for names that end in .raw.
            container = open_container(name, file, error, stack)
            track = container_track(name, container, channel)
        yield track


def _raw_track(source: RawSamples, channel: int | None) -> Track:
    if source.rate <= 0:
        raise UsageError(f"rate must be positive, got {source.rate}")
    name = str(getattr(source.file, "name", "the samples"))
    if not hasattr(source.file, "read") or isinstance(source.file, io.TextIOBase):
        raise UsageError(f"{name} cannot be read as bytes; open it in binary mode")
    check_channel(name, channel, 1)
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
            yield part


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
