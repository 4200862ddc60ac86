"""Copying tokens of the source: the pointer-generator's mixture, and coverage."""

from __future__ import annotations

from keras import ops

from asr.arrays import Tensor
from asr.model.ops import sequence_mask

_TINY = 1e-20


def mixture(logits: Tensor, weights: Tensor, gate: Tensor, source: Tensor) -> Tensor:
    """Let the attention's weights vote for the tokens they lie on.

    Args:
        logits: What the decoder would write itself, (B, U, V).
        weights: Attention weights, (B, U, S).
        gate: Logit of the share that the decoder writes itself, (B, U, 1).
        source: Tokens of the source, (B, S) int32.

    Returns:
        Log probabilities of the mixture, (B, U, V).

    Reference:
        A. See et al., Get To The Point, ACL 2017, section 2.2; with one vocabulary of
        pieces for both sides no word is out of it.
    """
    batch, steps, size = ops.shape(logits)
    own = ops.softmax(logits, axis=-1) * ops.sigmoid(gate)
    # Each row of (batch, step) has its own stretch of V places to add up into.
    rows = ops.reshape(ops.arange(batch * steps, dtype="int32"), (batch, steps, 1))
    places = rows * size + source[:, None]  # (B, U, S)
    copied = ops.segment_sum(
        ops.reshape(weights * ops.sigmoid(-gate), (-1,)),
        ops.reshape(places, (-1,)),
        num_segments=batch * steps * size,
    )
    mixed = own + ops.reshape(copied, (batch, steps, size))
    return ops.log(ops.maximum(mixed, _TINY))


def coverage_loss(weights: Tensor, lengths: Tensor) -> Tensor:
    """Return how much attention returns to what it has seen, per step.

    Args:
        weights: Attention weights, (B, U, S).
        lengths: Real steps of each, (B,) int32.

    Reference:
        A. See et al., ACL 2017, section 2.3.
    """
    seen = ops.cumsum(weights, axis=1) - weights
    again = ops.sum(ops.minimum(weights, seen), axis=-1)  # (B, U)
    mask = ops.cast(sequence_mask(lengths, ops.shape(weights)[1]), "float32")
    return ops.sum(again * mask) / ops.maximum(ops.sum(mask), 1.0)
