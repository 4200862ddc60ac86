"""Detects decoder loops and hallucinations against CTC.

An attention decoder may loop, or continue after the end of speech. CTC cannot: each of
its labels takes a frame.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence

import numpy as np

from asr.decoding.ctc_alignment import frames_needed
from asr.text.special_tokens import BLANK

_REPEATING = 2.4  # compression ratio of a loop, as in whisper
_SHORTEST_LOOP = 60  # characters; shorter texts hardly compress
_SURPLUS, _MARGIN = 2.0, 8  # most tokens per CTC token, and in addition


def compression_ratio(text: str) -> float:
    """Return the ratio of a text's size to its size after zlib; loops compress well.

    Args:
        text: Any text; `""` gives 0.
    """
    data = text.encode()
    return len(data) / len(zlib.compress(data)) if data else 0.0


def best_path(log_probs: np.ndarray) -> tuple[int, ...]:
    """Return the labels of the most probable CTC path.

    Args:
        log_probs: Log probabilities of the frames, (R, V); token 0 is the blank.
    """
    best = np.argmax(log_probs, axis=-1)
    changed = np.diff(best, prepend=-1) != 0
    return tuple(best[changed & (best != BLANK)].tolist())


def hallucination_reason(
    text: str, tokens: Sequence[int], ctc_tokens: Sequence[int], frames: int
) -> str | None:
    """Detect decoder loops and hallucinations against CTC.

    Args:
        text: Text of the decoder's best hypothesis.
        tokens: Its tokens.
        ctc_tokens: Tokens of the CTC `best_path`.
        frames: Number of CTC frames.

    Returns:
        The reason to distrust the hypothesis in a few words, or None.
    """
    if len(text) >= _SHORTEST_LOOP and compression_ratio(text) > _REPEATING:
        return "repetition"
    surplus = len(tokens) > _SURPLUS * len(ctc_tokens) + _MARGIN
    if surplus or frames_needed(tokens) > frames:
        return "more than was heard"
    return None
