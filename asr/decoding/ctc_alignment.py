"""CTC forced alignment: the frames of each label."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from asr.errors import DataError
from asr.text.special_tokens import BLANK

_IMPOSSIBLE = -1e30


class Spans(NamedTuple):
    """Frames of each label of an utterance.

    Attributes:
        starts: First frame of each label, (L,) int.
        ends: Frame after the last one of each label, (L,) int.
        log_probs: Mean log probability of each label over its frames, (L,) float.
    """

    starts: np.ndarray
    ends: np.ndarray
    log_probs: np.ndarray


def frames_needed(labels: Sequence[int]) -> int:
    """Return the frames CTC needs: one for each label, and one between two alike."""
    wanted = np.asarray(labels, dtype=int)
    return len(wanted) + int(np.sum(wanted[1:] == wanted[:-1]))


def align_labels(
    log_probs: np.ndarray, labels: Sequence[int], *, whole: bool = True
) -> Spans:
    """Find the most probable CTC path through labels (forced alignment).

    Args:
        log_probs: Log probabilities of the frames, (R, V); token 0 is the blank.
        labels: Labels of the utterance, (L,), without blanks.
        whole: The frames hold all labels; otherwise any number of the first ones.

    Returns:
        The frames of each label, or of the first ones; blanks between them belong to
        none.

    Raises:
        DataError: The frames are too few for the labels; see `frames_needed`.

    Reference:
        A. Graves et al., Connectionist Temporal Classification, ICML 2006; the path is
        found as in L. Kürzinger et al., CTC-Segmentation, SPECOM 2020, without skips.
    """
    wanted = np.asarray(labels, dtype=int)
    frames, size = len(log_probs), len(wanted)
    if whole and frames < frames_needed(labels):
        raise DataError(f"{size} labels do not fit {frames} frames")
    # States: blank, label 0, blank, label 1, ..., blank.
    states = np.full(2 * size + 1, BLANK)
    states[1::2] = wanted
    skips = np.zeros(len(states), dtype=bool)  # from the label before, past the blank
    skips[3::2] = wanted[1:] != wanted[:-1]
    emitted = np.asarray(log_probs, dtype=np.float64)[:, states]  # (R, 2L + 1)
    best = np.full(len(states), _IMPOSSIBLE)
    best[:2] = emitted[0, :2]
    steps = np.zeros((frames, len(states)), dtype=np.int8)
    # Viterbi: a state follows itself, the one before it, or the label before its blank.
    for frame in range(1, frames):
        candidates = np.full((3, len(states)), _IMPOSSIBLE)
        candidates[0] = best
        candidates[1, 1:] = best[:-1]
        candidates[2, 2:] = np.where(skips[2:], best[:-2], _IMPOSSIBLE)
        steps[frame] = candidates.argmax(axis=0)
        best = candidates.max(axis=0) + emitted[frame]
    # Trace the best path back from the last blank or the last label.
    path = np.empty(frames, dtype=int)
    ends = best[::-1][:2] if whole else best[::-1]  # on a tie the later one
    state = len(states) - 1 - int(ends.argmax())
    size = (state + 1) // 2
    for frame in range(frames - 1, -1, -1):
        path[frame] = state
        state -= int(steps[frame, state])
    return _spans(path, emitted, size)


def _spans(path: np.ndarray, emitted: np.ndarray, size: int) -> Spans:
    """Return the frames of each label on a path through the states."""
    states = 2 * np.arange(size) + 1
    starts = np.searchsorted(path, states, side="left")
    ends = np.searchsorted(path, states, side="right")
    totals = np.concatenate([[0.0], emitted[np.arange(len(path)), path].cumsum()])
    return Spans(starts, ends, (totals[ends] - totals[starts]) / (ends - starts))
