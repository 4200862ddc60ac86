"""CTC loss with its gradient written out."""

from __future__ import annotations

from keras import ops

from asr.arrays import Tensor
from asr.model.ops import scan, sequence_mask


@ops.custom_gradient
def ctc_losses(
    log_probs: Tensor, frames: Tensor, labels: Tensor, lengths: Tensor
) -> Tensor:
    """Return the negative log probability of each label sequence, (B,) float32.

    The forward and the backward variables come out of one loop over time: the backward
    pass is the forward pass of the reversed labels over the reversed frames. Arguments
    as in `ctc`, with log probabilities in the place of logits.

    Reference:
        A. Graves et al., ICML 2006, sections 4.1 and 4.2.
    """
    vocabulary = log_probs.shape[-1]
    states = 2 * ops.shape(labels)[1] + 1
    inside = sequence_mask(lengths, ops.shape(labels)[1])
    labels = ops.where(inside, labels, 0)
    time = ops.cast(sequence_mask(frames, ops.shape(log_probs)[1]), "float32")
    emitted, skip, real = _both_ways(log_probs, time, labels, lengths)
    start = ops.where(ops.arange(states)[None] == 0, 0.0, _NEVER)
    start = start + ops.zeros_like(skip)

    def advance(alpha: Tensor, step: Tensor) -> tuple[Tensor, Tensor]:
        real, scores = step
        padded = ops.pad(alpha, ((0, 0), (2, 0)), constant_values=_NEVER)
        one, two = padded[:, 1:-1], padded[:, :-2] + skip
        top = ops.maximum(ops.maximum(alpha, one), two)
        total = ops.exp(alpha - top) + ops.exp(one - top) + ops.exp(two - top)
        alpha = ops.where(real > 0, top + ops.log(total) + scores, alpha)
        return alpha, alpha

    steps = [ops.transpose(real)[..., None], ops.transpose(emitted, (1, 0, 2))]
    final, alphas = scan(advance, start, steps)
    batch = ops.shape(labels)[0]
    total = _total(final[:batch], lengths)
    possible = total > 0.5 * _NEVER

    def gradient(
        *args: Tensor, upstream: Tensor = None
    ) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        upstream = args[0] if upstream is None else upstream
        alphas_of = ops.transpose(alphas, (1, 0, 2))  # (2B, S, 2U + 1)
        betas = ops.flip(alphas_of[batch:], 1)
        # State s of the reversed labels is state 2L - s of the labels.
        mirror = 2 * lengths[:, None] - ops.arange(states, dtype="int32")[None]
        betas = _columns(betas, ops.maximum(mirror, 0))
        betas = ops.where(mirror[:, None] >= 0, betas, _NEVER)
        joint = alphas_of[:batch] + betas - emitted[:batch] - total[:, None, None]
        posterior = ops.exp(ops.minimum(joint, 0.0)) * time[..., None]
        symbols = ops.one_hot(_with_blanks(labels), vocabulary)  # (B, 2U + 1, V)
        scale = ops.where(possible, upstream, 0.0)[:, None, None]
        spread = -ops.matmul(posterior, symbols) * scale
        return spread, None, None, None

    return ops.where(possible, -total, 0.0), gradient


# Log probability of the impossible: finite, so that differences stay numbers.
_NEVER = -1e9


def _both_ways(
    log_probs: Tensor, time: Tensor, labels: Tensor, lengths: Tensor
) -> Tensor:
    """Return what the loop over time reads, for both directions.

    Returns:
        Log probability of each state's symbol (2B, S, 2U + 1), which states may be
        entered from two before (2B, 2U + 1), and which frames are real (2B, S); the
        second B rows are the reversed labels over the reversed frames.
    """
    ways = []
    for sequence, scores, real in (
        (labels, log_probs, time),
        (_reverse(labels, lengths), ops.flip(log_probs, 1), ops.flip(time, 1)),
    ):
        symbols = _with_blanks(sequence)  # (B, 2U + 1)
        emitted = _columns(scores, symbols)
        before = ops.pad(symbols, ((0, 0), (2, 0)))[:, :-2]
        skip = ops.where((symbols != 0) & (symbols != before), 0.0, _NEVER)
        ways.append((emitted, skip, real))
    return tuple(ops.concatenate(pair, axis=0) for pair in zip(*ways, strict=True))


def _columns(values: Tensor, places: Tensor) -> Tensor:
    """Pick columns of each matrix: (B, S, n) and (B, m) -> (B, S, m).

    Not by a product with ones and zeros, which graphics cards round to ten bits.
    """
    shape = (*ops.shape(values)[:2], ops.shape(places)[1])
    places = ops.broadcast_to(places[:, None], shape)
    return ops.take_along_axis(values, places, axis=2)


def _total(final: Tensor, lengths: Tensor) -> Tensor:
    """Return the log probability of ending in the last label or the blank after it."""
    ends = ops.stack([2 * lengths, ops.maximum(2 * lengths - 1, 0)], axis=1)
    tails = ops.take_along_axis(final, ends, axis=1)  # (B, 2)
    single = ops.where(lengths > 0, tails[:, 1], _NEVER)
    return ops.logaddexp(tails[:, 0], single)


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
