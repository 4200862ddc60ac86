"""Cutting long recordings where nobody speaks, with exact sample offsets."""

from __future__ import annotations

import numpy as np

from asr.errors import UsageError

_PAUSE_SECONDS = 0.2


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
    pause = max(1, round(_PAUSE_SECONDS * rate))
    pieces = []
    start = 0
    while total - start > limit:
        low = start + limit // 2
        high = min(start + limit, total - limit // 4)
        middle = low + _quietest(samples[low:high], pause)
        end = max(start + 1, middle)  # a piece of one sample cannot be halved
        pieces.append((start, end))
        start = end
    return [*pieces, (start, total)] if total else []


def _quietest(samples: np.ndarray, width: int) -> int:
    """Find the middle of the quietest stretch of samples, the last of equals."""
    width = min(width, len(samples))
    power = np.square(samples, dtype=np.float64)
    sums = np.concatenate([[0.0], np.cumsum(power)])
    energy = sums[width:] - sums[:-width]
    last = len(energy) - 1 - int(np.argmin(energy[::-1]))
    return last + width // 2
