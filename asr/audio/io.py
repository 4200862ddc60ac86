"""Recordings -> mono float32 at the model's sample rate, in bounded memory.

libsndfile decodes WAV, FLAC, Ogg Vorbis, Opus, MP3 and more, by content. PyAV (the
extra `video`) decodes other formats. soxr resamples.
"""

from __future__ import annotations

import errno
import logging
import stat
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soxr

from asr.audio.decoders import Source, open_audio
from asr.audio.resampler import QUALITY, Resampler
from asr.audio.track import Track
from asr.errors import AudioError, UsageError, cannot_read
from asr.files import walk

_log = logging.getLogger(__name__)

_LIBSNDFILE = """
.aif .aifc .aiff .au .caf .flac .mp2 .mp3 .nist .oga .ogg .opus .rf64 .snd .sph .voc
.w64 .wav .wave
"""
_PYAV = """
.3g2 .3gp .aac .amr .avi .m2ts .m4a .m4b .m4v .mka .mkv .mov .mp4 .mpeg .mpg .mts .ogv
.spx .ts .weba .webm .wma .wmv
"""
AUDIO_EXTENSIONS = frozenset(f"{_LIBSNDFILE} {_PYAV}".split())
"""File endings of recordings in a folder, in lower case."""

_NOT_FOUND = "no such file or folder"
_NAMED = 5  # files left out that a warning names


@dataclass(frozen=True)
class AudioInfo:
    """Length and form of a recording.

    Args:
        duration: Seconds.
        rate: Samples per second and channel.
        channels: Number of channels.
        format: Container, such as `WAV` or `OGG`.
        subtype: Coding, such as `PCM_16` or `OPUS`.
        tracks: Number of sound tracks.
    """

    duration: float
    rate: int
    channels: int
    format: str
    subtype: str
    tracks: int = 1


def read(
    source: Source,
    rate: int = 16000,
    *,
    offset: float = 0.0,
    duration: float | None = None,
    channel: int | None = None,
    track: int | None = None,
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
        track: The sound track to decode, from 1 on; None for the first.

    Returns:
        Samples in [-1, 1], (N,) float32; N is 0 for a recording without samples.

    Raises:
        AudioError: The recording is missing, empty, cannot be decoded, holds NaN or
            infinity, ends before `offset`, or has no such channel or track.
        UsageError: A number is out of its range.
    """
    _check_span(rate, offset, duration)
    parts = list(_stream(source, rate, offset, duration, channel, track))
    return np.concatenate(parts) if parts else np.zeros(0, np.float32)


def blocks(
    source: Source,
    rate: int = 16000,
    *,
    seconds: float = 30.0,
    offset: float = 0.0,
    duration: float | None = None,
    channel: int | None = None,
    track: int | None = None,
    on_cancelled: Callable[[], None] | None = None,
) -> Iterator[np.ndarray]:
    """Decode a recording block by block: the samples of `read` in bounded memory.

    `seconds` is the length of a block; the last one may be shorter. `on_cancelled` is
    called at the end if the channels cancel each other out. The other arguments are
    those of `read`.

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
    stream = _stream(source, rate, offset, duration, channel, track, on_cancelled)
    return _regroup(stream, size)


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
    """Describe a recording; decode it if nothing else tells its length.

    Args:
        source: A file, or a binary file object.

    Returns:
        The length of the audio data, even if the header gives another one.

    Raises:
        AudioError: The recording is missing, empty or of no known format.
    """
    with open_audio(source) as track:
        if track.measure is None:
            frames = sum(len(chunk) for chunk in track.chunks(0, None))
        else:
            frames = track.measure()
        header = track.rate, track.channels, track.format, track.subtype
        return AudioInfo(frames / track.rate, *header, track.tracks)


def find_audio(path: str | Path) -> list[Path]:
    """List the recordings of a file or folder.

    Args:
        path: A file of any name, or a folder, searched with all subfolders for
            `AUDIO_EXTENSIONS`. Hidden files are skipped; unreadable subfolders, links
            to nothing, pipes and sockets are skipped with a warning.

    Returns:
        The recordings, sorted by path.

    Raises:
        AudioError: There is no such path, no recording in the folder, or no permission.
    """
    path = Path(path)
    try:
        if not path.is_dir():
            if not path.exists():
                link = "a link to nothing" if path.is_symlink() else _NOT_FOUND
                raise AudioError(cannot_read(path, link))
            return [path]
        next(path.iterdir(), None)  # fails without permission
        files = sorted(
            file
            for folder, _, names in walk(path, onerror=_warn)
            for file in (Path(folder, name) for name in names)
            if file.suffix.lower() in AUDIO_EXTENSIONS and file.name[0] != "."
        )
    except OSError as error:
        raise AudioError(cannot_read(path, str(error.strerror))) from error
    problems = {file: problem for file in files if (problem := _no_file(file))}
    recordings = [file for file in files if file not in problems]
    if problems:
        named = [f"{file} ({problem})" for file, problem in problems.items()]
        named[_NAMED:] = ["..."] if len(named) > _NAMED else []
        text = "%s: left out %d that are no plain files: %s"
        _log.warning(text, path, len(problems), ", ".join(named))
    if not recordings:
        raise AudioError(f"{path}: no recordings in this folder")
    return recordings


def _warn(error: OSError) -> None:
    _log.warning("%s: left out: %s", error.filename, error.strerror)


def _no_file(path: Path) -> str | None:
    """Return what stands in the place of a plain file, or None."""
    try:
        mode = path.stat().st_mode
    except FileNotFoundError:
        return "a link to nothing"
    except OSError as error:
        # A link to itself is one to nothing; others are reported when they are read.
        return "a link to itself" if error.errno == errno.ELOOP else None
    if stat.S_ISREG(mode):
        return None
    kinds = {stat.S_ISFIFO: "a named pipe", stat.S_ISSOCK: "a socket"}
    return next((kind for test, kind in kinds.items() if test(mode)), "a device")


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
    track: int | None,
    on_cancelled: Callable[[], None] | None = None,
) -> Iterator[np.ndarray]:
    """Decode and resample, in chunks of any size."""
    with open_audio(source, channel, track, on_cancelled=on_cancelled) as opened:
        first = round(offset * opened.rate)
        count = None if duration is None else round(duration * opened.rate)
        chunks = _from(opened, opened.chunks(first, count), offset)
        for chunk in resample_stream(chunks, opened.rate, rate):
            # Lossy codecs and resampling overshoot full scale.
            yield np.clip(chunk, -1.0, 1.0, out=chunk)


def _from(
    track: Track, chunks: Iterator[np.ndarray], offset: float
) -> Iterator[np.ndarray]:
    """Pass chunks on; if there are none, tell an offset past the end."""
    given = False
    for chunk in chunks:
        given = True
        yield chunk
    if offset and not given and track.measure is not None:
        end = track.measure() / track.rate
        if round(offset * track.rate) > round(end * track.rate):
            raise AudioError(f"{track.name}: offset {offset} s is past its {end:.2f} s")


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
