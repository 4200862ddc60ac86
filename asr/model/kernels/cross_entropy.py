"""Cross-entropy with label smoothing, with its derivative written out.

Definition, for logits x over V tokens, the label y and smoothing e:

    loss = logsumexp(x) - (1 - e) x_y - e mean(x)

Derivative: softmax(x) - t, where t = (1 - e) [y] + e / V is the smoothed target.

With thousands of tokens the logits are most of the memory that a training step moves;
the backward pass reads them once.
"""

from __future__ import annotations

from typing import Any

from keras import ops

from asr.arrays import Tensor


def smoothed_cross_entropy(logits: Tensor, labels: Tensor, smoothing: Tensor) -> Tensor:
    """Return the cross-entropy of each label, (B, U) nats.

    Args:
        logits: (B, U, V) float32.
        labels: (B, U) int32.
        smoothing: Probability mass spread evenly over all tokens.
    """

    @ops.custom_gradient
    def run(logits: Tensor) -> tuple[Any, Any]:
        top = ops.max(logits, axis=-1, keepdims=True)
        exponents = ops.exp(logits - top)  # at most 1: no overflow
        total = ops.sum(exponents, axis=-1, keepdims=True)
        right = ops.take_along_axis(logits, labels[..., None], axis=-1)
        mean = ops.mean(logits, axis=-1, keepdims=True)
        loss = ops.log(total) + top - (1.0 - smoothing) * right - smoothing * mean

        def gradient(upstream: Tensor) -> Tensor:
            size = logits.shape[-1]
            hit = labels[..., None] == ops.arange(size, dtype=labels.dtype)
            target = smoothing / size + ops.where(hit, 1.0 - smoothing, 0.0)
            return upstream[..., None] * (exponents / total - target)

        return loss[..., 0], gradient

    return run(logits)
