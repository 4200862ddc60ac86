"""Which positions of a padded batch are real."""

from __future__ import annotations

from keras import ops

from asr.tensors import Tensor


def sequence_mask(lengths: Tensor, size: Tensor) -> Tensor:
    """Return which of `size` positions lie inside each sequence.

    Args:
        lengths: Number of real positions, (B,) int32.
        size: Padded length.

    Returns:
        (B, size) bool.
    """
    return (
        ops.arange(size, dtype="int32")[None, :] < ops.cast(lengths, "int32")[:, None]
    )
