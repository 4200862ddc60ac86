"""CTC prefix scores of a whole beam: all extensions in one product.

The probability that CTC's output begins with a prefix g extended by c is the sum over
time of (probability that g is complete just before t) * p(c at t). For all c at once
this is a matrix product of forward variables and CTC probabilities. Only the K
extensions that survive need forward variables of their own: two linear recurrences over
time, solved in log2(R) steps by doubling.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from asr.decoding.scorers import NEVER

_TINY = 1e-37


class PrefixState(NamedTuple):
    """Forward variables of K prefixes of each utterance.

    Attributes:
        label: Log probability of all paths that end in the last label at t, (B, K, R).
        blank: Log probability of all paths that end in a blank at t, (B, K, R).
        last: Last label, or -1 for the empty prefix, (B, K) int32.
    """

    label: np.ndarray
    blank: np.ndarray
    last: np.ndarray


class CTCPrefixScorer(NamedTuple):
    """Scores hypotheses by their CTC prefix probability; a `Scorer`.

    Attributes:
        log_probs: CTC log probabilities after `pad_frames`, (B, R, V); 0 is the blank.
        end: Token after a text.

    Reference:
        S. Watanabe et al., Hybrid CTC/Attention Architecture, IEEE JSTSP 2017,
        algorithm 2.
    """

    log_probs: np.ndarray
    end: int

    def initial_state(self, starts: np.ndarray) -> PrefixState:
        """Return the state of empty prefixes, as many as `starts` has, (B, K)."""
        blank = np.cumsum(self.log_probs[:, None, :, 0], axis=-1)
        blank = np.tile(blank, (1, starts.shape[1], 1))
        last = np.full(blank.shape[:2], -1, np.int32)
        return PrefixState(np.full_like(blank, NEVER), blank, last)

    def extend(self, totals: np.ndarray, state: PrefixState) -> np.ndarray:  # noqa: ARG002 - CTC gives totals, not gains
        """Return the log probability of each prefix with each next token, (B, K, V).

        The value at `end` is the log probability that the prefix is the whole output;
        at the blank it is `NEVER`.
        """
        tokens = np.arange(self.log_probs.shape[-1])
        probs = np.exp(self.log_probs)  # (B, R, V)
        before_any, before_same = _before(state)
        scores = np.where(
            tokens == state.last[..., None],
            _sum_over_time(before_same, probs),
            _sum_over_time(before_any, probs),
        )
        whole = np.logaddexp(state.label[..., -1:], state.blank[..., -1:])  # (B, K, 1)
        scores = np.where(tokens == self.end, whole, scores)
        return np.where(tokens == 0, NEVER, scores)

    def follow(self, state: PrefixState, tokens: np.ndarray) -> PrefixState:
        """Return the state of prefixes extended by one label each, (B, K) int32."""
        before_any, before_same = _before(state)
        repeated = (tokens == state.last)[..., None]
        before = np.where(repeated, before_same, before_any)
        frames = self.log_probs.transpose(0, 2, 1)  # (B, V, R)
        emitted = np.take_along_axis(frames, tokens[..., None], axis=1)
        label = _log_recurrence(emitted, before + emitted)  # (B, K, R)
        silent = np.broadcast_to(self.log_probs[:, None, :, 0], label.shape)
        blank = _log_recurrence(silent, _shift(label, 1, NEVER) + silent)
        return PrefixState(label, blank, tokens)


def pad_frames(log_probs: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Make padded frames certain blanks, so that they change no score.

    Args:
        log_probs: (B, R, V) float32; token 0 is the blank.
        mask: True for real frames, (B, R) bool.
    """
    blank = np.arange(log_probs.shape[-1]) == 0
    return np.where(
        mask[..., None], log_probs, np.where(blank, np.float32(0.0), np.float32(NEVER))
    )


def _before(state: PrefixState) -> tuple[np.ndarray, np.ndarray]:
    """Return the log probability of the prefix being complete before each frame.

    The first holds for a label other than the last one, the second for the same label,
    which needs a blank between. Both (B, K, R).
    """
    first = np.where(state.last < 0, np.float32(0.0), np.float32(NEVER))[..., None]
    same = np.concatenate([first, state.blank[..., :-1]], axis=-1)
    return np.logaddexp(same, _shift(state.label, 1, NEVER)), same


def _sum_over_time(before: np.ndarray, probs: np.ndarray) -> np.ndarray:
    """Return log sum_t exp(before_t) * probs_t, (B, K, V), as one matrix product."""
    top = np.max(before, axis=-1, keepdims=True)
    total = np.matmul(np.exp(before - top), probs)
    possible = top + np.log(np.maximum(total, _TINY))
    return np.maximum(np.where(total > 0.0, possible, NEVER), NEVER)


def _log_recurrence(factors: np.ndarray, terms: np.ndarray) -> np.ndarray:
    """Solve x_t = x_(t-1) * exp(factors_t) + exp(terms_t) for log x_t, x before 0 none.

    Reference:
        W. D. Hillis and G. L. Steele, Data parallel algorithms, CACM 1986.
    """
    reach = 1
    while reach < factors.shape[-1]:
        terms = np.logaddexp(terms, factors + _shift(terms, reach, NEVER))
        factors = factors + _shift(factors, reach, 0.0)
        reach *= 2
    return np.maximum(terms, NEVER)


def _shift(values: np.ndarray, reach: int, fill: float) -> np.ndarray:
    """Return values_(t - reach), and `fill` where there is none, (B, K, R)."""
    moved = np.full_like(values, fill)
    moved[..., reach:] = values[..., :-reach]
    return moved
