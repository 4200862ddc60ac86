"""Audio segments, and fixed-length windows that cover a whole recording."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np

from asr.errors import UsageError

PAUSE_SECONDS = 0.2
"""Length of the quiet stretch to cut in, in seconds."""


@dataclass(frozen=True)
class AudioSegment:
    """Part of a recording that a model decodes at once.

    Positions count samples from the start of the recording.

    Args:
        start: Position of the first element of `samples`.
        samples: Speech with padding on both sides, (N,) float32.
        first: Position where the speech begins.
        last: Position where the speech ends.
        cut_before: The speech began in the segment before; words before `first` belong
            to that one.
        cut_after: The speech continues in the next segment; words after `last` belong
            to that one.
        speech: Mean probability of speech from `first` to `last`.
    """

    start: int
    samples: np.ndarray
    first: int
    last: int
    cut_before: bool = False
    cut_after: bool = False
    speech: float = 1.0


def split_samples(
    samples: np.ndarray, rate: int, *, longest: float = 20.0
) -> list[tuple[int, int]]:
    """Split a recording into windows of bounded length.

    Each cut is the middle of the quietest 0.2 s in the second half of the window. The
    last window is never shorter than a quarter of `longest`.

    Args:
        samples: The recording, (N,) float32.
        rate: Samples per second.
        longest: Longest window in seconds.

    Returns:
        (start, end) in samples: in order, without gap or overlap, from 0 to N; empty
        without samples.

    Raises:
        UsageError: The samples are not one channel, or `rate` or `longest` is not
            positive.
    """
    if samples.ndim != 1:
        raise UsageError(f"samples must be mono, (N,), got shape {samples.shape}")
    if rate <= 0 or not longest > 0:
        raise UsageError(f"rate and longest must be positive, got {rate} and {longest}")
    total = len(samples)
    limit = max(1, int(min(longest * rate, total)))
    pause = max(1, round(PAUSE_SECONDS * rate))
    windows = []
    start = 0
    while total - start > limit:
        low = start + limit // 2
        high = min(start + limit, total - limit // 4)
        middle = low + quietest_sample(samples[low:high], pause)
        end = max(start + 1, middle)  # a window of one sample cannot be halved
        windows.append((start, end))
        start = end
    return [*windows, (start, total)] if total else []


def split_blocks(
    blocks: Iterable[np.ndarray], rate: int, *, longest: float = 20.0
) -> Iterator[AudioSegment]:
    """Split a stream of blocks at the same samples as `split_samples` the whole.

    Args:
        blocks: The recording in order, each (N,) float32 of any length.
        rate: Samples per second.
        longest: Longest segment in seconds.

    Yields:
        Segments that cover every sample once. At most a block and 1.25 times `longest`
        are in memory.
    """
    segmenter = WindowSegmenter(rate, longest=longest)
    for block in blocks:
        yield from segmenter.push(block)
    yield from segmenter.finish()


class WindowSegmenter:
    """Windows of a recording that arrives block by block; see `split_blocks`.

    Args:
        rate: Samples per second.
        longest: Longest segment in seconds.

    Attributes:
        rest: Samples after the last segment, (N,) float32.
    """

    def __init__(self, rate: int, *, longest: float = 20.0) -> None:
        self._rate, self._longest = rate, longest
        self._start, self.rest = 0, np.zeros(0, "float32")

    def push(self, block: np.ndarray) -> list[AudioSegment]:
        """Add samples, (N,) float32; return the segments whose end is now known."""
        self.rest = np.concatenate([self.rest, block])
        limit = max(1, int(self._longest * self._rate))
        segments = []
        # Later samples can no longer move the next cut.
        while self.rest.size > limit + limit // 4:
            known = self.rest[: limit + limit // 4 + 1]
            _, end = split_samples(known, self._rate, longest=self._longest)[0]
            segments.append(self._segment(0, end))
            self._start, self.rest = self._start + end, self.rest[end:]
        return segments

    def finish(self) -> list[AudioSegment]:
        """Return the segments of the rest of the recording."""
        windows = split_samples(self.rest, self._rate, longest=self._longest)
        return [self._segment(first, end) for first, end in windows]

    def _segment(self, first: int, end: int) -> AudioSegment:
        start, last = self._start + first, self._start + end
        return AudioSegment(start, self.rest[first:end], start, last)


def quietest_sample(samples: np.ndarray, width: int) -> int:
    """Return the middle of the quietest `width` samples, the last of equals."""
    width = min(width, len(samples))
    power = np.square(samples, dtype=np.float64)
    sums = np.concatenate([[0.0], np.cumsum(power)])
    energy = sums[width:] - sums[:-width]
    last = len(energy) - 1 - int(np.argmin(energy[::-1]))
    return last + width // 2
