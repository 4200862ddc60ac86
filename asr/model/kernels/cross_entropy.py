"""Cross-entropy with label smoothing, with its gradient written out."""

from __future__ import annotations

from typing import Any

from keras import ops

from asr.arrays import Tensor


def smoothed_cross_entropy(logits: Tensor, labels: Tensor, smoothing: Tensor) -> Tensor:
    """Return the cross-entropy with each label, (B, U).

    With thousands of pieces the logits are most of the memory that a step moves: the
    way back is written out so that it passes over them once.
    """

    @ops.custom_gradient
    def run(logits: Tensor) -> tuple[Any, Any]:
        top = ops.max(logits, axis=-1, keepdims=True)
        exponents = ops.exp(logits - top)
        total = ops.sum(exponents, axis=-1, keepdims=True)
        right = ops.take_along_axis(logits, labels[..., None], axis=-1)
        mean = ops.mean(logits, axis=-1, keepdims=True)
        loss = ops.log(total) + top - (1.0 - smoothing) * right - smoothing * mean

        def gradient(upstream: Tensor) -> Tensor:
            size = logits.shape[-1]
            hit = labels[..., None] == ops.arange(size, dtype=labels.dtype)
            wanted = smoothing / size + ops.where(hit, 1.0 - smoothing, 0.0)
            return upstream[..., None] * (exponents / total - wanted)

        return loss[..., 0], gradient

    return run(logits)
