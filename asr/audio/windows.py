"""Audio segments, and cutting them into windows of bounded length."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np

from asr.errors import UsageError


@dataclass(frozen=True)
class AudioSegment:
    """A part of a recording that a model takes in one go.

    Args:
        start: Position of the first sample that is read.
        samples: What is read, (N,) float32.
        first: Position where its speech begins.
        last: Position where its speech ends.
        goes_on: Whether the speech went on before `first`, and what is read before it
            belongs to the piece before.
        cut_off: Whether the speech goes on after `last`, and what is read after it
            belongs to the next piece.
        speech: Mean probability of speech from `first` to `last`.
    """

    start: int
    samples: np.ndarray
    first: int
    last: int
    goes_on: bool = False
    cut_off: bool = False
    speech: float = 1.0


def cut(
    samples: np.ndarray, rate: int, *, longest: float = 20.0
) -> list[tuple[int, int]]:
    """Cut a recording into pieces that a model can take in one go.

    Each cut lies in the middle of the quietest 0.2 s between half of the longest
    piece and all of it, and never leaves a last piece shorter than a quarter.

    Args:
        samples: The recording, (N,) float32.
        rate: Samples per second.
        longest: Seconds that no piece may exceed.

    Returns:
        (start, end) in samples: in order, without gap or overlap, from 0 to N. Empty
        where there are no samples.

    Raises:
        UsageError: The samples are not one channel, or `rate` or `longest` is not
            positive.
    """
    if samples.ndim != 1:
        raise UsageError(f"cannot cut samples of shape {samples.shape}; mix to mono")
    if rate <= 0 or not longest > 0:
        raise UsageError(f"cannot cut at {rate} Hz into {longest} s; both must be > 0")
    total = len(samples)
    limit = max(1, int(min(longest * rate, total)))
    pause = max(1, round(PAUSE_SECONDS * rate))
    pieces = []
    start = 0
    while total - start > limit:
        low = start + limit // 2
        high = min(start + limit, total - limit // 4)
        middle = low + quietest_sample(samples[low:high], pause)
        end = max(start + 1, middle)  # a piece of one sample cannot be halved
        pieces.append((start, end))
        start = end
    return [*pieces, (start, total)] if total else []


def all_pieces(
    blocks: Iterable[np.ndarray], rate: int, *, longest: float = 20.0
) -> Iterator[AudioSegment]:
    """Cut a recording that comes in blocks, just where `cut` cuts the whole.

    Args:
        blocks: The recording in order, each (N,) float32 of any length.
        rate: Samples per second.
        longest: Seconds that no piece may exceed.

    Yields:
        Pieces that cover every sample once. No more than a block and a piece and a
        quarter are in memory.
    """
    limit = max(1, int(longest * rate))
    start, rest = 0, np.zeros(0, "float32")
    for block in blocks:
        rest = np.concatenate([rest, block])
        # With so much ahead, what comes later has no say in where the next cut lies.
        while rest.size > limit + limit // 4:
            _, end = cut(rest[: limit + limit // 4 + 1], rate, longest=longest)[0]
            yield AudioSegment(start, rest[:end], start, start + end)
            start, rest = start + end, rest[end:]
    for first, end in cut(rest, rate, longest=longest):
        yield AudioSegment(start + first, rest[first:end], start + first, start + end)


def quietest_sample(samples: np.ndarray, width: int) -> int:
    """Find the middle of the quietest stretch of samples, the last of equals."""
    width = min(width, len(samples))
    power = np.square(samples, dtype=np.float64)
    sums = np.concatenate([[0.0], np.cumsum(power)])
    energy = sums[width:] - sums[:-width]
    last = len(energy) - 1 - int(np.argmin(energy[::-1]))
    return last + width // 2


PAUSE_SECONDS = 0.2
