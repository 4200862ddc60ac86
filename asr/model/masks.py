"""Which positions of a padded batch are real."""

from __future__ import annotations

from typing import Any

from keras import ops


def sequence_mask(lengths: Any, size: Any) -> Any:  # noqa: ANN401 - tensors
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
