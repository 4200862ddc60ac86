"""Pointer-generator: the decoder may copy source tokens; and its coverage loss."""

from __future__ import annotations

from keras import ops

from asr.arrays import Tensor
from asr.model.batch_share import batch_sum
from asr.model.ops import sequence_mask

_TINY = 1e-20


def mixture(logits: Tensor, weights: Tensor, gate: Tensor, source: Tensor) -> Tensor:
    """Mix the decoder's distribution with the attention weights of source tokens.

    Args:
        logits: Logits of the decoder, (B, U, V).
        weights: Attention weights, (B, U, S).
        gate: Logit of the share of the decoder, (B, U, 1).
        source: Tokens of the source, (B, S) int32.

    Returns:
        Log probabilities of the mixture, (B, U, V).

    Reference:
        A. See et al., Get To The Point, ACL 2017, section 2.2. Source and target share
        one vocabulary of subwords, so no word is out of vocabulary.
    """
    batch, steps, size = ops.shape(logits)
    own = ops.softmax(logits, axis=-1) * ops.sigmoid(gate)
    # Each (utterance, step) has V numbers of its own to add up into.
    rows = ops.reshape(ops.arange(batch * steps, dtype="int32"), (batch, steps, 1))
    index = rows * size + source[:, None]  # (B, U, S)
    copied = ops.segment_sum(
        ops.reshape(weights * ops.sigmoid(-gate), (-1,)),
        ops.reshape(index, (-1,)),
        num_segments=batch * steps * size,
    )
    mixed = own + ops.reshape(copied, (batch, steps, size))
    return ops.log(ops.maximum(mixed, _TINY))


def coverage_loss(weights: Tensor, lengths: Tensor) -> Tensor:
    """Return the overlap of attention weights with those of earlier steps, per step.

    Args:
        weights: Attention weights, (B, U, S).
        lengths: Real steps of each, (B,) int32.

    Reference:
        A. See et al., ACL 2017, section 2.3.
    """
    earlier = ops.cumsum(weights, axis=1) - weights
    overlap = ops.sum(ops.minimum(weights, earlier), axis=-1)  # (B, U)
    mask = ops.cast(sequence_mask(lengths, ops.shape(weights)[1]), "float32")
    return ops.sum(overlap * mask) / ops.maximum(batch_sum(ops.sum(mask)), 1.0)
