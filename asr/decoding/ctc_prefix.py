"""CTC prefix scores of a whole beam: all extensions in one product.

The probability that CTC's output begins with a prefix g extended by c is the sum over
time of (probability that g is complete just before t) * p(c at t). For all c at once
this is a matrix product of forward variables and CTC probabilities. Only the K
extensions that survive need forward variables of their own: two linear recurrences over
time, solved in log2(R) steps by doubling.
"""

from __future__ import annotations

from typing import NamedTuple

from keras import ops

from asr.arrays import Tensor
from asr.decoding.scorers import NEVER

_TINY = 1e-37


class PrefixState(NamedTuple):
    """Forward variables of K prefixes of each utterance.

    Attributes:
        label: Log probability of all paths that end in the last label at t, (B, K, R).
        blank: Log probability of all paths that end in a blank at t, (B, K, R).
        last: Last label, or -1 for the empty prefix, (B, K) int32.
    """

    label: Tensor
    blank: Tensor
    last: Tensor


class CTCPrefixScorer(NamedTuple):
    """Scores hypotheses by their CTC prefix probability; a `Scorer`.

    Attributes:
        log_probs: CTC log probabilities after `pad_frames`, (B, R, V); 0 is the blank.
        end: Token after a text.

    Reference:
        S. Watanabe et al., Hybrid CTC/Attention Architecture, IEEE JSTSP 2017,
        algorithm 2.
    """

    log_probs: Tensor
    end: int

    def initial_state(self, starts: Tensor) -> PrefixState:
        """Return the state of empty prefixes, as many as `starts` has, (B, K)."""
        blank = ops.cumsum(self.log_probs[:, None, :, 0], axis=-1)
        blank = ops.tile(blank, (1, starts.shape[1], 1))
        last = ops.zeros_like(blank[:, :, 0], dtype="int32") - 1
        return PrefixState(ops.full_like(blank, NEVER), blank, last)

    def extend(self, totals: Tensor, state: PrefixState) -> Tensor:  # noqa: ARG002 - CTC gives totals, not gains
        """Return the log probability of each prefix with each next token, (B, K, V).

        The value at `end` is the log probability that the prefix is the whole output;
        at the blank it is `NEVER`.
        """
        tokens = ops.arange(self.log_probs.shape[-1], dtype="int32")
        probs = ops.exp(self.log_probs)  # (B, R, V)
        before_any, before_same = _before(state)
        scores = ops.where(
            tokens == state.last[..., None],
            _sum_over_time(before_same, probs),
            _sum_over_time(before_any, probs),
        )
        whole = ops.logaddexp(state.label[..., -1:], state.blank[..., -1:])  # (B, K, 1)
        scores = ops.where(tokens == self.end, whole, scores)
        return ops.where(tokens == 0, NEVER, scores)

    def follow(self, state: PrefixState, tokens: Tensor) -> PrefixState:
        """Return the state of prefixes extended by one label each, (B, K) int32."""
        before_any, before_same = _before(state)
        repeated = (tokens == state.last)[..., None]
        before = ops.where(repeated, before_same, before_any)
        one_hot = ops.one_hot(tokens, self.log_probs.shape[-1])  # (B, K, V)
        emitted = ops.matmul(one_hot, ops.transpose(self.log_probs, (0, 2, 1)))
        label = _log_recurrence(emitted, before + emitted)  # (B, K, R)
        silent = ops.broadcast_to(self.log_probs[:, None, :, 0], ops.shape(label))
        blank = _log_recurrence(silent, _shift(label, 1, NEVER) + silent)
        return PrefixState(label, blank, tokens)


def pad_frames(log_probs: Tensor, mask: Tensor) -> Tensor:
    """Make padded frames certain blanks, so that they change no score.

    Args:
        log_probs: (B, R, V) float32; token 0 is the blank.
        mask: True for real frames, (B, R) bool.
    """
    blank = ops.arange(ops.shape(log_probs)[-1]) == 0
    return ops.where(mask[..., None], log_probs, ops.where(blank, 0.0, NEVER))


def _before(state: PrefixState) -> tuple[Tensor, Tensor]:
    """Return the log probability of the prefix being complete before each frame.

    The first holds for a label other than the last one, the second for the same label,
    which needs a blank between. Both (B, K, R).
    """
    first = ops.where(state.last < 0, 0.0, NEVER)[..., None]
    same = ops.concatenate([first, state.blank[..., :-1]], axis=-1)
    return ops.logaddexp(same, _shift(state.label, 1, NEVER)), same


def _sum_over_time(before: Tensor, probs: Tensor) -> Tensor:
    """Return log sum_t exp(before_t) * probs_t, (B, K, V), as one matrix product."""
    top = ops.max(before, axis=-1, keepdims=True)
    total = ops.matmul(ops.exp(before - top), probs)
    possible = top + ops.log(ops.maximum(total, _TINY))
    return ops.maximum(ops.where(total > 0.0, possible, NEVER), NEVER)


def _log_recurrence(factors: Tensor, terms: Tensor) -> Tensor:
    """Solve x_t = x_(t-1) * exp(factors_t) + exp(terms_t) for log x_t, x before 0 none.

    Reference:
        W. D. Hillis and G. L. Steele, Data parallel algorithms, CACM 1986.
    """
    size = ops.shape(factors)[-1]

    def double(
        reach: Tensor, factors: Tensor, terms: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        joined = ops.logaddexp(terms, factors + _shift(terms, reach, NEVER))
        return reach * 2, factors + _shift(factors, reach, 0.0), joined

    reach = ops.convert_to_tensor(1, dtype="int32")
    _, _, solved = ops.while_loop(
        lambda reach, *_: reach < size, double, (reach, factors, terms)
    )
    return ops.maximum(solved, NEVER)


def _shift(values: Tensor, reach: Tensor, fill: float) -> Tensor:
    """Return values_(t - reach), and `fill` where there is none, (B, K, R)."""
    index = ops.arange(ops.shape(values)[-1], dtype="int32") - reach
    moved = ops.take(values, ops.maximum(index, 0), axis=-1)
    return ops.where(index >= 0, moved, fill)
