"""Greedy search."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from asr.decoding.beam_search import Hypotheses, allowed_log_probs

if TYPE_CHECKING:
    from asr.decoding.beam_search import Step, Tokens


def greedy_search(
    step: Step, state: Any, limits: np.ndarray, special: Tokens
) -> Hypotheses:
    """Take the most probable token at each step.

    Args:
        step: `(tokens (B, 1), state) -> (log probabilities (B, 1, V), state)`.
        state: State before the first step.
        limits: Maximum tokens of each utterance, (B,); a hypothesis that reaches it can
            only end.
        special: Start and end symbols.

    Returns:
        One hypothesis for each utterance (K = 1).
    """
    last = np.full((len(limits), 1), special.start, np.int32)
    tokens = np.zeros((len(limits), int(limits.max(initial=0))), np.int32)
    scores = np.zeros(len(limits), np.float32)
    lengths = np.zeros(len(limits), np.int32)
    alive = limits >= 0
    time = 0
    while alive.any():
        log_probs, state = step(last, state)
        log_probs = allowed_log_probs(log_probs, special, limits <= time)[:, 0]
        best = np.argmax(log_probs, axis=-1).astype(np.int32)
        scores += np.where(alive, log_probs.max(axis=-1), np.float32(0.0))
        alive = alive & (best != special.end)
        if alive.any():
            tokens[alive, time] = best[alive]
        lengths += alive
        last, time = best[:, None], time + 1
    return Hypotheses(tokens[:, None], lengths[:, None], scores[:, None])
