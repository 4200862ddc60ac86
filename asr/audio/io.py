"""Recordings -> mono float32 at the model's sample rate, in bounded memory.

libsndfile decodes WAV, FLAC, Ogg Vorbis, Opus, MP3 and more, by content. PyAV (the
extra `video`) decodes other formats. soxr resamples.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soxr

from asr.audio.decoders import Source, open_audio
from asr.audio.resampler import QUALITY, Resampler
from asr.errors import AudioError, UsageError
from asr.files import walk

_log = logging.getLogger(__name__)

_LIBSNDFILE = ".aif .aifc .aiff .au .caf .flac .mp3 .oga .ogg .opus .sph .w64 .wav"
_PYAV = ".3gp .aac .amr .avi .m4a .m4b .mkv .mov .mp4 .mpeg .mpg .ts .webm .wma .wmv"
AUDIO_EXTENSIONS = frozenset(f"{_LIBSNDFILE} {_PYAV}".split())
"""File endings of recordings in a folder, in lower case."""


@dataclass(frozen=True)
class AudioInfo:
    """Header of a recording.

    Args:
        duration: Seconds.
        rate: Samples per second and channel.
        channels: Number of channels.
        format: Container, such as `WAV` or `OGG`.
        subtype: Coding, such as `PCM_16` or `OPUS`.
    """

    duration: float
    rate: int
    channels: int
    format: str
    subtype: str


def read(
    source: Source,
    rate: int = 16000,
    *,
    offset: float = 0.0,
    duration: float | None = None,
    channel: int | None = None,
) -> np.ndarray:
    """Decode a recording, or a part of it, into memory.

    A truncated recording gives the samples that are left, with a warning in the log if
    the decoder notices.

    Args:
        source: A file, or a binary file object, read from its start.
        rate: Samples per second to return.
        offset: Seconds to skip.
        duration: Longest part to return in seconds; None for the rest.
        channel: The channel to decode, from 1 on; None for the mean of all.

    Returns:
        Samples in [-1, 1], (N,) float32; N is 0 for a recording without samples.

    Raises:
        AudioError: The recording is missing, empty, cannot be decoded, holds NaN or
            infinity, ends before `offset` or has no such channel.
        UsageError: A number is out of its range.
    """
    _check_span(rate, offset, duration)
    parts = list(_stream(source, rate, offset, duration, channel))
    return np.concatenate(parts) if parts else np.zeros(0, np.float32)


def blocks(
    source: Source,
    rate: int = 16000,
    *,
    seconds: float = 30.0,
    offset: float = 0.0,
    duration: float | None = None,
    channel: int | None = None,
) -> Iterator[np.ndarray]:
    """Decode a recording block by block: the samples of `read` in bounded memory.

    `seconds` is the length of a block; the last one may be shorter. The other arguments
    are those of `read`.

    Returns:
        An iterator over blocks of samples in [-1, 1], (seconds * rate,) float32.

    Raises:
        AudioError: As `read`, while iterating.
        UsageError: A number is out of its range.
    """
    _check_span(rate, offset, duration)
    size = round(seconds * rate)
    if size < 1:
        raise UsageError(f"seconds must be a sample or more, got {seconds}")
    return _regroup(_stream(source, rate, offset, duration, channel), size)


def resample(samples: np.ndarray, from_rate: int, to_rate: int) -> np.ndarray:
    """Resample with soxr in high quality.

    Args:
        samples: One channel, (N,) float32.
        from_rate: Sample rate of `samples` in hertz.
        to_rate: Sample rate to return in hertz.

    Returns:
        About N * to_rate / from_rate samples, (M,) float32.
    """
    samples = np.asarray(samples, np.float32)
    if from_rate == to_rate:
        return samples
    return soxr.resample(samples, from_rate, to_rate, quality=QUALITY)


def inspect(source: Source) -> AudioInfo:
    """Read the header of a recording; decode it if the header has no length.

    Args:
        source: A file, or a binary file object.

    Returns:
        The header; a truncated recording may be shorter.

    Raises:
        AudioError: The recording is missing, empty or of no known format.
    """
    with open_audio(source) as track:
        frames = track.frames
        if frames is None:
            frames = sum(len(chunk) for chunk in track.chunks(0, None))
        header = track.rate, track.channels, track.format, track.subtype
        return AudioInfo(frames / track.rate, *header)


def find_audio(path: str | Path) -> list[Path]:
    """List the recordings of a file or folder.

    Args:
        path: A file of any name, or a folder, searched with all subfolders for
            `AUDIO_EXTENSIONS`. Hidden files are skipped; unreadable subfolders are
            skipped with a warning.

    Returns:
        The recordings, sorted by path.

    Raises:
        AudioError: There is no such path, no recording in the folder, or no permission.
    """
    path = Path(path)
    try:
        if not path.is_dir():
            if not path.exists():
                raise AudioError(f"{path}: no such file or folder")
            return [path]
        next(path.iterdir(), None)  # fails without permission
        recordings = sorted(
            file
            for folder, _, names in walk(path, onerror=_warn)
            for file in (Path(folder, name) for name in names)
            if file.suffix.lower() in AUDIO_EXTENSIONS
            and not file.name.startswith(".")
            and _may_be_file(file)
        )
    except OSError as error:
        raise AudioError(f"{path}: {error.strerror}") from error
    if not recordings:
        raise AudioError(f"{path}: no recordings in this folder")
    return recordings


def _warn(error: OSError) -> None:
    _log.warning("%s: left out: %s", error.filename, error.strerror)


def _may_be_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:  # reported when it is read
        return True


def _check_span(rate: int, offset: float, duration: float | None) -> None:
    if rate <= 0:
        raise UsageError(f"rate must be positive, got {rate}")
    if not 0 <= offset < np.inf:
        raise UsageError(f"offset must be 0 s or more, got {offset}")
    if duration is not None and not 0 <= duration < np.inf:
        raise UsageError(f"duration must be 0 s or more, got {duration}")


def _stream(
    source: Source,
    rate: int,
    offset: float,
    duration: float | None,
    channel: int | None,
) -> Iterator[np.ndarray]:
    """Decode and resample, in chunks of any size."""
    with open_audio(source, channel) as track:
        first = round(offset * track.rate)
        if track.frames is not None and first > track.frames:
            end = track.frames / track.rate
            raise AudioError(f"{track.name}: offset {offset} s is past its {end:.2f} s")
        count = None if duration is None else round(duration * track.rate)
        for chunk in resample_stream(track.chunks(first, count), track.rate, rate):
            # Lossy codecs and resampling overshoot full scale.
            yield np.clip(chunk, -1.0, 1.0, out=chunk)


def resample_stream(
    chunks: Iterable[np.ndarray], from_rate: int, to_rate: int
) -> Iterator[np.ndarray]:
    """Resample chunks of a recording, (N,) float32 each, as `resample` the whole."""
    resampler = Resampler(from_rate, to_rate)
    for chunk in chunks:
        yield resampler.push(chunk)
    yield resampler.finish()


def _regroup(chunks: Iterator[np.ndarray], size: int) -> Iterator[np.ndarray]:
    """Join and split chunks so that all but the last hold `size` samples."""
    held: list[np.ndarray] = []
    count = 0
    for chunk in chunks:
        held.append(chunk)
        count += len(chunk)
        if count >= size:
            whole = np.concatenate(held)
            full = count - count % size
            yield from whole[:full].reshape(-1, size)
            held, count = [whole[full:]], count - full
    if count:
        yield np.concatenate(held)
