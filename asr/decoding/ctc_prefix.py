"""CTC prefix scores of a whole beam: all extensions in one product.

The probability that CTC's output begins with a prefix g extended by c is the sum over
time of (probability that g is complete just before t) * p(c at t), for all c at once a
matrix product of what the beam knows with the CTC probabilities. Only the K extensions
that survive need their forward variables, two linear recurrences over time, which are
solved in log2(R) steps by doubling.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from keras import ops

from asr.arrays import Tensor

# Log probability of the impossible: finite, so that differences stay numbers.
NEVER = -1e9
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


def pad_frames(log_probs: Tensor, mask: Tensor) -> Tensor:
    """Make padded frames certain blanks, so that they change no score.

    Args:
        log_probs: (B, R, V) float32; token 0 is the blank.
        mask: Which frames are real, (B, R) bool.
    """
    blank = ops.arange(ops.shape(log_probs)[-1]) == 0
    return ops.where(mask[..., None], log_probs, ops.where(blank, 0.0, NEVER))


def start(log_probs: Tensor, beam: int) -> PrefixState:
    """Return the state of K empty prefixes; `log_probs` went through `pad_frames`."""
    blank = ops.tile(ops.cumsum(log_probs[:, None, :, 0], axis=-1), (1, beam, 1))
    last = ops.zeros_like(blank[:, :, 0], dtype="int32") - 1
    return PrefixState(ops.full_like(blank, NEVER), blank, last)


def extension_scores(state: PrefixState, log_probs: Tensor, end: int) -> Tensor:
    """Return the log probability of each prefix extended by each token, (B, K, V).

    At `end` stands the log probability that the prefix is the whole output, at the
    blank `NEVER`.

    Reference:
        S. Watanabe et al., Hybrid CTC/Attention Architecture, IEEE JSTSP 2017,
        algorithm 2.
    """
    tokens = ops.arange(log_probs.shape[-1], dtype="int32")
    probs = ops.exp(log_probs)  # (B, R, V)
    before_any, before_same = _before(state)
    scores = ops.where(
        tokens == state.last[..., None],
        _sum_over_time(before_same, probs),
        _sum_over_time(before_any, probs),
    )
    whole = ops.logaddexp(state.label[..., -1:], state.blank[..., -1:])  # (B, K, 1)
    scores = ops.where(tokens == end, whole, scores)
    return ops.where(tokens == 0, NEVER, scores)


def extend(
    state: PrefixState,
    log_probs: Tensor,
    parents: Tensor,
    tokens: Tensor,
) -> PrefixState:
    """Return the state of K extended prefixes.

    Args:
        state: State of the prefixes that `parents` points into.
        log_probs: (B, R, V), as in `start`.
        parents: Index of the prefix each one extends, (B, K) int32.
        tokens: Label appended to it, (B, K) int32.
    """
    state = PrefixState(
        ops.take_along_axis(state.label, parents[..., None], axis=1),
        ops.take_along_axis(state.blank, parents[..., None], axis=1),
        ops.take_along_axis(state.last, parents, axis=1),
    )
    before_any, before_same = _before(state)
    repeated = (tokens == state.last)[..., None]
    before = ops.where(repeated, before_same, before_any)
    one_hot = ops.one_hot(tokens, log_probs.shape[-1])  # (B, K, V)
    emitted = ops.matmul(one_hot, ops.transpose(log_probs, (0, 2, 1)))  # (B, K, R)
    label = _log_recurrence(emitted, before + emitted)
    silent = ops.broadcast_to(log_probs[:, None, :, 0], ops.shape(label))
    blank = _log_recurrence(silent, _shift(label, 1, NEVER) + silent)
    return PrefixState(label, blank, tokens)


def _before(state: PrefixState) -> tuple[Any, Any]:
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
