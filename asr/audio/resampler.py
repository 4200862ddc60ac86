"""Resampling of audio that arrives block by block, with soxr."""

from __future__ import annotations

import numpy as np
import soxr

QUALITY = "HQ"


class Resampler:
    """Resamples one channel; the blocks join to what resampling the whole gives.

    Args:
        from_rate: Sample rate of the blocks in hertz.
        to_rate: Sample rate to return in hertz.
    """

    def __init__(self, from_rate: int, to_rate: int) -> None:
        self._stream = (
            None
            if from_rate == to_rate
            else soxr.ResampleStream(
                from_rate, to_rate, 1, dtype="float32", quality=QUALITY
            )
        )

    def push(self, block: np.ndarray) -> np.ndarray:
        """Resample a block, (N,) float32; return the samples known so far, (M,)."""
        return self._stream.resample_chunk(block) if self._stream else block

    def finish(self) -> np.ndarray:
        """Return the samples after those of all blocks, (M,) float32."""
        rest = np.zeros(0, np.float32)
        return self._stream.resample_chunk(rest, last=True) if self._stream else rest
