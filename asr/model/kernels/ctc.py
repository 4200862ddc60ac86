"""CTC loss, with its derivative written out.

Definition: the probability p of a label sequence is the sum over all paths that become
the labels once repeats are merged and blanks removed. The states s of a path are the
labels l with a blank before, between and after them, 2U + 1 in all. With y_t(l_s) the
probability of the symbol of state s at frame t:

    alpha_t(s) = y_t(l_s) (alpha_(t-1)(s) + alpha_(t-1)(s-1) + alpha_(t-1)(s-2))
    p          = alpha_T(2L) + alpha_T(2L - 1)       L labels; the last one or a blank

The third term counts only where l_s is a label other than l_(s-2): between two equal
labels a blank must stand. beta is alpha of the reversed labels and frames.

Derivative: d(-log p) / d log y_t(k) = - sum over s with l_s = k of
alpha_t(s) beta_t(s) / (y_t(l_s) p), the probability that a path passes k at t.

All values are logarithms: probabilities of long sequences are below the float32 range.
"""

from __future__ import annotations

from keras import ops

from asr.arrays import Tensor
from asr.model.ops import scan, sequence_mask

# Log probability of the impossible: finite, so that differences stay numbers.
_NEVER = -1e9


@ops.custom_gradient
def ctc_losses(
    log_probs: Tensor, frames: Tensor, labels: Tensor, lengths: Tensor
) -> Tensor:
    """Return the negative log probability of each label sequence, (B,) float32.

    Args:
        log_probs: Log probabilities, the blank first, (B, S, V) float32.
        frames: Real frames of each, (B,) int32.
        labels: (B, U) int32.
        lengths: Real labels of each, (B,) int32.

    Returns:
        Nats; 0 for a sequence that does not fit into its frames.

    Reference:
        A. Graves et al., ICML 2006, sections 4.1 and 4.2.
    """
    batch, states = ops.shape(labels)[0], 2 * ops.shape(labels)[1] + 1
    labels = ops.where(sequence_mask(lengths, ops.shape(labels)[1]), labels, 0)
    time = ops.cast(sequence_mask(frames, ops.shape(log_probs)[1]), "float32")
    symbols, emitted, skip = _lattice(log_probs, labels, lengths)
    # Before the first frame a path is in front of state 0.
    start = ops.where(ops.arange(states)[None] == 0, 0.0, _NEVER)
    start = start + ops.zeros_like(skip)

    def advance(alpha: Tensor, step: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:
        real, emitted = step
        padded = ops.pad(alpha, ((0, 0), (2, 0)), constant_values=_NEVER)
        one, two = padded[:, 1:-1], padded[:, :-2] + skip
        top = ops.maximum(ops.maximum(alpha, one), two)
        total = ops.exp(alpha - top) + ops.exp(one - top) + ops.exp(two - top)
        alpha = ops.where(real > 0, top + ops.log(total) + emitted, alpha)
        return alpha, alpha

    # One loop computes alpha and beta: beta is the second half of the batch.
    by_time = ops.transpose(emitted, (1, 0, 2))
    real = ops.transpose(ops.concatenate([time, ops.flip(time, 1)]))[..., None]
    final, alphas = scan(advance, start, (real, by_time))
    total = _total(final[:batch], lengths)
    impossible = total <= 0.5 * _NEVER  # not so for NaN, which must be seen

    def gradient(
        *args: Tensor, upstream: Tensor = None
    ) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        upstream = args[0] if upstream is None else upstream
        both = ops.transpose(alphas, (1, 0, 2))  # (2B, S, 2U + 1)
        # State s of the reversed labels is state 2L - s of the labels.
        mirror = 2 * lengths[:, None] - ops.arange(states, dtype="int32")[None]
        betas = _columns(ops.flip(both[batch:], 1), ops.maximum(mirror, 0))
        betas = ops.where(mirror[:, None] >= 0, betas, _NEVER)
        # alpha and beta both count the frame itself: once too often.
        joint = both[:batch] + betas - emitted[:batch] - total[:, None, None]
        posterior = ops.exp(ops.minimum(joint, 0.0)) * time[..., None]
        by_state = ops.one_hot(symbols[:batch], log_probs.shape[-1])
        scale = ops.where(impossible, 0.0, upstream)[:, None, None]
        return -ops.matmul(posterior, by_state) * scale, None, None, None

    return ops.where(impossible, 0.0, -total), gradient


def _lattice(
    log_probs: Tensor, labels: Tensor, lengths: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """Return the states of 2B sequences: B forward, then B reversed.

    Returns:
        Symbol of each state (2B, 2U + 1), its log probabilities (2B, S, 2U + 1), and 0
        where a path may come from two states before, (2B, 2U + 1).
    """
    batch = ops.shape(labels)[0]
    symbols = _with_blanks(ops.concatenate([labels, _reverse(labels, lengths)]))
    before = ops.pad(symbols, ((0, 0), (2, 0)))[:, :-2]
    skip = ops.where((symbols != 0) & (symbols != before), 0.0, _NEVER)
    ahead = _columns(log_probs, symbols[:batch])
    back = _columns(ops.flip(log_probs, 1), symbols[batch:])
    return symbols, ops.concatenate([ahead, back]), skip


def _columns(values: Tensor, index: Tensor) -> Tensor:
    """Pick columns of each matrix: (B, S, n) and (B, m) -> (B, S, m).

    Not by a product with ones and zeros: graphics cards round products to ten bits.
    """
    shape = (*ops.shape(values)[:2], ops.shape(index)[1])
    return ops.take_along_axis(values, ops.broadcast_to(index[:, None], shape), axis=2)


def _total(final: Tensor, lengths: Tensor) -> Tensor:
    """Return the log probability of ending in the last label or the blank after it."""
    ends = ops.stack([2 * lengths, ops.maximum(2 * lengths - 1, 0)], axis=1)
    tails = ops.take_along_axis(final, ends, axis=1)  # (B, 2)
    label = ops.where(lengths > 0, tails[:, 1], _NEVER)
    return ops.logaddexp(tails[:, 0], label)


def _with_blanks(labels: Tensor) -> Tensor:
    """Return labels with a blank before, between and after them, (B, 2U + 1)."""
    pairs = ops.stack([ops.zeros_like(labels), labels], axis=-1)
    flat = ops.reshape(pairs, (ops.shape(labels)[0], 2 * ops.shape(labels)[1]))
    return ops.pad(flat, ((0, 0), (0, 1)))


def _reverse(labels: Tensor, lengths: Tensor) -> Tensor:
    """Reverse the real part of each row; the padding stays at the end."""
    positions = ops.arange(ops.shape(labels)[1], dtype="int32")[None]
    index = ops.maximum(lengths[:, None] - 1 - positions, 0)
    return ops.where(
        positions < lengths[:, None], ops.take_along_axis(labels, index, axis=1), 0
    )
