"""Whether what the decoder wrote can be trusted, beside what CTC heard.

An attention decoder may loop, or go on writing where nobody speaks any more. CTC
cannot: it writes a label only where it hears one.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence

import numpy as np

from asr.decoding.ctc_alignment import frames_needed
from asr.text.special_tokens import BLANK

_REPEATING = 2.4  # compression ratio of a loop, as whisper has it
_SHORTEST_LOOP = 60  # characters; shorter texts hardly compress
_SURPLUS, _MARGIN = 2.0, 8  # tokens against those that CTC heard


def compression_ratio(text: str) -> float:
    """Return how much smaller zlib makes a text; loops compress well.

    Args:
        text: Any text; `""` gives 0.
    """
    data = text.encode()
    return len(data) / len(zlib.compress(data)) if data else 0.0


def best_path(log_probs: np.ndarray) -> tuple[int, ...]:
    """Return the labels of the most probable path of CTC.

    Args:
        log_probs: Log probabilities of the frames, (R, V); token 0 is the blank.
    """
    best = np.argmax(log_probs, axis=-1)
    changed = np.diff(best, prepend=-1) != 0
    return tuple(best[changed & (best != BLANK)].tolist())


def hallucination_reason(
    text: str, tokens: Sequence[int], heard: Sequence[int], frames: int
) -> str | None:
    """Say why a hypothesis cannot be trusted.

    Args:
        text: What the decoder wrote.
        tokens: The same, as tokens.
        heard: What `best_path` gives.
        frames: Frames of CTC.

    Returns:
        The reason in a few words, or None.
    """
    if len(text) >= _SHORTEST_LOOP and compression_ratio(text) > _REPEATING:
        return "repetition"
    surplus = len(tokens) > _SURPLUS * len(heard) + _MARGIN
    if surplus or frames_needed(tokens) > frames:
        return "more than was heard"
    return None
