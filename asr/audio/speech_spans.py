"""Spans of speech in the probabilities of a detector, and pauses to cut in.

All numbers count frames of 20 ms.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

ONSET, OFFSET = 0.5, 0.35
"""Probabilities of speech that start a span, and that extend it."""
MIN_PAUSE = 5
"""Shortest pause to cut in."""

_REACH = 25  # distance from a frame of ONSET up to which OFFSET extends speech
_MIN_ONSETS = 5  # frames of ONSET in a span of speech


class Spans(NamedTuple):
    """Spans of speech in frames, and the number of frames that are decided.

    Attributes:
        starts: First frame of each, (S,) int.
        ends: Frame after the last of each, (S,) int.
        known: Later frames may still change with more probabilities.
    """

    starts: np.ndarray
    ends: np.ndarray
    known: int


def hysteresis(
    probabilities: np.ndarray, *, continued: bool = False, final: bool = True
) -> Spans | None:
    """Threshold probabilities twice: a high one starts speech, a low one extends it.

    Args:
        probabilities: Probability of speech of each frame, (T,) float32.
        continued: Frame 0 continues speech that was cut before it.
        final: No more probabilities follow.

    Returns:
        Spans of speech with at least 0.1 s above the high threshold; None if the last
        span may still reach that.
    """
    onsets = probabilities >= ONSET
    sums = np.concatenate([[0], np.cumsum(onsets)])
    frames = np.arange(len(onsets))
    left = np.maximum(frames - _REACH, 0)
    right = np.minimum(frames + _REACH + 1, len(onsets))
    near = (sums[right] > sums[left]) | (continued & (frames < _REACH))
    active = (probabilities >= OFFSET) & near
    known = len(onsets)
    if not final:
        # A later onset may still extend speech to the last _REACH frames, over those
        # that are high enough.
        undecided = (probabilities >= OFFSET) & ~near & (frames >= known - _REACH)
        known = int(np.argmax(undecided)) if undecided.any() else known
    edges = np.flatnonzero(np.diff(active[:known], prepend=False, append=False))
    starts, ends = edges[::2], edges[1::2]
    enough = sums[ends] - sums[starts] >= _MIN_ONSETS
    if continued and len(enough):
        enough[0] = True
    if not final and len(ends) and ends[-1] == known and not enough[-1]:
        return None
    return Spans(starts[enough], ends[enough], known)


def split_long(starts: np.ndarray, ends: np.ndarray, limit: int) -> int | None:
    """Choose the pause to cut in: the longest in the second half of the limit.

    Args:
        starts: Starts of the spans of one segment, (S,) int.
        ends: Their ends, (S,) int.
        limit: Longest segment in frames.

    Returns:
        Index of the span before the pause; None without a pause of 0.1 s.
    """
    low, high = starts[0] + limit // 2, starts[0] + limit
    inside = (starts[1:] > low) & (ends[:-1] <= high)
    pauses = np.where(inside, starts[1:] - ends[:-1], 0)
    return int(np.argmax(pauses)) if pauses.max(initial=0) >= MIN_PAUSE else None
