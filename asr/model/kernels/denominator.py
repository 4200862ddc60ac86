"""Sum over all label sequences under an n-gram model: the denominator of CTC-CRF.

Definition: with y_t(k) the probability of symbol k at frame t, P(l) the probability of
the label sequence l by trigrams, and all CTC paths of l,

    Z = sum over all l of P(l) * sum over paths of l of the product of y_t(path_t)

A state is the pair (p, q) of the last two labels, and whether the last frame was q
itself (L) or a blank after it (K). Label 0 stands for the begin. With S = L + K:

    L_t(p, q) = y_t(q) (L_(t-1)(p, q) + sum over o of T(o, p, q) S_(t-1)(o, p))
    K_t(p, q) = y_t(0) S_(t-1)(p, q)
    Z         = sum of all L_T and K_T

For p = q, K stands in the place of S: between two equal labels a blank must stand.

Derivative: d log Z / d log y_t(k) is the probability of the states with symbol k at t,
the product of forward and backward sums, which is normalised at each frame. So is each
step of both loops, against underflow; log Z is the sum of the logarithms.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from keras import ops

from asr.arrays import Tensor
from asr.model.ops import scan, sequence_mask


@ops.custom_gradient
def log_denominators(log_probs: Tensor, frames: Tensor, trigrams: Tensor) -> Tensor:
    """Return log Z of each sequence, (B,) float32.

    Args:
        log_probs: Log probabilities, the blank first, (B, S, V) float32.
        frames: Real frames of each, (B,) int32.
        trigrams: Probability of the third label after the first two, (V, V, V)
            float32; 0 as a condition is the begin, and as third label impossible.

    Reference:
        H. Xiang and Z. Ou, CRF-based Single-stage Acoustic Modeling with CTC Topology,
        ICASSP 2019; V. Manohar et al. and D. Povey et al., Interspeech 2016 (LF-MMI).
    """
    size = log_probs.shape[-1]
    real = sequence_mask(frames, ops.shape(log_probs)[1])[..., None]
    # Padding is certainly blank: that changes neither sum.
    blank = ops.arange(size) == 0
    probs = ops.where(real, ops.exp(log_probs), ops.cast(blank, "float32"))
    by_time = ops.transpose(probs, (1, 2, 0))[..., None]  # (S, V, B, 1)
    # The state is (V, B, 2V): last label q, then L and K of each label before it.
    same = ops.eye(size)[:, None]  # (V, 1, V): the next label equals q
    before = ops.transpose(trigrams, (1, 0, 2))  # (q, p, next)
    steps = ops.concatenate([before * (1.0 - same), before], axis=1)  # (q, 2V, next)
    begin = ops.one_hot([size], 2 * size) * ops.cast(blank, "float32")[:, None]
    start = begin[:, None] + 0.0 * by_time[0]  # all of it on (0, 0), after a blank

    def advance(carry: Any, probs: Tensor) -> tuple[Any, Any]:
        state, _ = carry
        label, rest = state[..., :size], state[..., size:]
        arrived = ops.transpose(ops.matmul(state, steps), (2, 1, 0))
        label, rest = probs * (label + arrived), probs[:1] * (label + rest)
        state = ops.concatenate([label, rest], axis=-1)
        total = ops.sum(state, axis=(0, 2), keepdims=True)  # (1, B, 1)
        following = state / total, total
        return following, following

    _, (forward, totals) = scan(advance, (start, 0.0 * by_time[0, :1]), by_time)

    def gradient(*args: Tensor, upstream: Tensor = None) -> tuple[Tensor, None, None]:
        upstream = args[0] if upstream is None else upstream
        back = ops.transpose(steps, (0, 2, 1))  # (q, next, 2V)

        def retreat(state: Tensor, probs: Tensor) -> tuple[Tensor, Tensor]:
            label, rest = probs * state[..., :size], probs[:1] * state[..., size:]
            left = ops.matmul(ops.transpose(label, (2, 1, 0)), back)
            before = left + ops.concatenate([label + rest, rest], axis=-1)
            return before / ops.sum(before, axis=(0, 2), keepdims=True), state

        end = 0.0 * start + 1.0
        _, backward = scan(retreat, end, by_time, reverse=True)
        joint = forward * backward  # (S, q, B, 2V)
        label = ops.sum(joint[..., :size], axis=-1)  # (S, q, B); none for q = 0
        rest = ops.sum(joint[..., size:], axis=(1, 3))
        posterior = label + rest[:, None] * ops.cast(blank, "float32")[:, None]
        total = ops.sum(posterior, axis=1, keepdims=True)
        posterior = posterior / ops.maximum(total, 1e-30)
        posterior = ops.where(real, ops.transpose(posterior, (2, 0, 1)), 0.0)
        return upstream[:, None, None] * posterior, None, None

    return ops.sum(ops.log(totals[:, 0, :, 0]), axis=0), gradient


def text_log_probs(labels: Tensor, lengths: Tensor, trigrams: Tensor) -> Tensor:
    """Return the log probability of each label sequence as a text, (B,) float32.

    Args:
        labels: (B, U) int32.
        lengths: Real labels of each, (B,) int32.
        trigrams: See `log_denominators`.
    """
    size = trigrams.shape[0]
    padded = ops.pad(labels, ((0, 0), (2, 0)))
    rows = (padded[:, :-2] * size + padded[:, 1:-1]) * size + labels
    logs = ops.take(ops.log(ops.reshape(trigrams, (-1,)) + 1e-30), rows)
    real = sequence_mask(lengths, ops.shape(labels)[1])
    return ops.sum(ops.where(real, logs, 0.0), axis=1)


def trigram_probabilities(
    texts: Sequence[Sequence[int]], labels: int, strength: float = 10.0
) -> np.ndarray:
    """Estimate trigrams of labels, for `log_denominators`.

    Args:
        texts: Labels of each sequence, from 1 on.
        labels: Number of labels.
        strength: Weight of the next shorter context, in observations.

    Returns:
        (V, V, V) float32, V = 1 + labels.

    Reference:
        D. MacKay and L. Peto, A hierarchical Dirichlet language model, 1995.
    """
    size = 1 + labels
    counts = np.zeros((size, size, size))
    for text in texts:
        padded = np.array([0, 0, *text], np.int64)
        np.add.at(counts, (padded[:-2], padded[1:-1], padded[2:]), 1.0)
    shares = np.full(size, 1.0 / labels)
    shares[0] = 0.0  # the begin never follows
    for axes in ((0, 1), 0, ()):
        seen = counts.sum(axis=axes)
        shares = (seen + strength * shares) / (seen.sum(-1, keepdims=True) + strength)
    return shares.astype("float32")
