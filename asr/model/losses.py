"""Losses per label: cross-entropy with label smoothing, and CTC."""

from __future__ import annotations

import numpy as np
from keras import ops

from asr.arrays import Tensor
from asr.model.batch_share import batch_sum
from asr.model.kernels.cross_entropy import smoothed_cross_entropy
from asr.model.kernels.ctc import ctc_losses
from asr.model.kernels.denominator import log_denominators, text_log_probs
from asr.model.ops import sequence_mask


def cross_entropy(
    logits: Tensor, labels: Tensor, lengths: Tensor, smoothing: Tensor = 0.0
) -> Tensor:
    """Return the mean cross-entropy per label; the blank, 0, stands for no label.

    Args:
        logits: (B, U, V) float32.
        labels: Target tokens, (B, U) int32.
        lengths: Real labels of each, (B,) int32.
        smoothing: Probability mass spread evenly over all tokens.

    Returns:
        Nats per label, () float32.

    Reference:
        C. Szegedy et al., CVPR 2016, section 7 (label smoothing).
    """
    mask = sequence_mask(lengths, ops.shape(labels)[1]) & (labels != 0)
    mask = ops.cast(mask, "float32")
    loss = smoothed_cross_entropy(logits, labels, smoothing) * mask
    return ops.sum(loss) / ops.maximum(batch_sum(ops.sum(mask)), 1.0)


def ctc(
    logits: Tensor,
    logit_lengths: Tensor,
    labels: Tensor,
    lengths: Tensor,
    *,
    crf: float = 0.0,
    trigrams: np.ndarray | None = None,
) -> Tensor:
    """Return the mean CTC loss per label; the blank is token 0.

    CTC makes the labels likely. CTC-CRF makes them likelier than all other label
    sequences, each weighted by its probability as a text.

    Args:
        logits: (B, S, V) float32.
        logit_lengths: Real frames of each, (B,) int32.
        labels: Tokens without the end symbol, (B, U) int32.
        lengths: Real labels of each, (B,) int32; negative for a row that is none, but
            fills up a batch.
        crf: Share of the CTC-CRF loss; CTC has the rest.
        trigrams: Probabilities of labels after two others, for a `crf` above 0; see
            `kernels.denominator.trigram_probabilities`.

    Returns:
        Nats per label, () float32. A sequence that does not fit into its frames adds
        neither loss nor gradient.

    Reference:
        A. Graves et al., Connectionist Temporal Classification, ICML 2006; H. Xiang
        and Z. Ou, CRF-based Single-stage Acoustic Modeling with CTC Topology, ICASSP
        2019.
    """
    log_probs = ops.log_softmax(logits, axis=-1)
    real, lengths = lengths >= 0, ops.maximum(lengths, 0)
    losses = ctc_losses(log_probs, logit_lengths, labels, lengths)
    if crf:
        table = ops.convert_to_tensor(trigrams)
        others = log_denominators(log_probs, logit_lengths, table)
        excess = others - text_log_probs(labels, lengths, table)
        losses = losses + ops.where(losses > 0, crf * excess, 0.0)  # 0: does not fit
    count = batch_sum(ops.cast(ops.sum(lengths), "float32"))
    return ops.sum(ops.where(real, losses, 0.0)) / ops.maximum(count, 1.0)
