"""SpecAugment as a layer: active only in training, ramped in."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from asr.arrays import Tensor
from asr.config.schema import AugmentConfig


class SpecAugment(keras.layers.Layer):
    """Hides random bands and stretches of time; widths grow over the first batches.

    Hidden values become zero, which is the mean of normalised features.

    Args:
        config: Number and width of the masks.
        seed: Seed of the random masks.

    Call arguments:
        features: Normalised features, (B, T, F).
        lengths: Real frames of each, (B,) int32.
        training: Whether to mask at all.

    Returns:
        Masked features, (B, T, F).

    Reference:
        D. S. Park et al., SpecAugment, Interspeech 2019, section 2 (no time warping);
        time masks bounded by the utterance as in D. S. Park et al., ICASSP 2020.
    """

    def __init__(self, config: AugmentConfig, seed: int = 0, **kwargs: Any) -> None:
        super().__init__(dtype="float32", **kwargs)
        self.config = config
        self.random = keras.random.SeedGenerator(seed)

    def build(self, *_: Any) -> None:
        """Create the counter of batches that the ramp follows."""
        self.batches = self.add_weight(
            shape=(),
            dtype="int32",
            initializer="zeros",
            trainable=False,
            name="batches",
        )

    def compute_output_spec(self, features: Any, *_: Any, **__: Any) -> Any:
        """Return the symbolic output without tracing; JAX cannot with open lengths."""
        return keras.KerasTensor(features.shape)

    def call(self, features: Tensor, lengths: Tensor, training: bool = False) -> Tensor:
        """See the class."""
        if not training:
            return features
        config = self.config
        ramp = ops.minimum(
            ops.cast(self.batches, "float32") / max(config.ramp_steps, 1), 1.0
        )
        self.batches.assign(self.batches + 1)
        batch, frames, bands = ops.shape(features)
        size = ops.full_like(lengths, bands)
        keep = self._keep(
            batch,
            bands,
            count=config.frequency_masks,
            extent=size,
            widest=ramp
            * min(config.frequency_width, -(-bands // 3))
            * ops.ones_like(size, "float32"),
        )
        features = features * keep[:, None, :]
        keep = self._keep(
            batch,
            frames,
            count=config.time_masks,
            extent=lengths,
            widest=ramp * config.time_share * ops.cast(lengths, "float32"),
        )
        return features * keep[:, :, None]

    def _keep(
        self,
        batch: Tensor,
        size: Tensor,
        *,
        count: int,
        extent: Tensor,
        widest: Tensor,
    ) -> Tensor:
        """Return 0 inside `count` random stretches and 1 elsewhere, (B, size)."""
        if not count:
            return ops.ones((batch, size))
        draws = keras.random.uniform((2, batch, count), seed=self.random)
        widths = ops.floor(draws[0] * (ops.floor(widest)[:, None] + 1.0))  # (B, count)
        room = ops.maximum(ops.cast(extent, "float32")[:, None] - widths + 1.0, 1.0)
        starts = ops.floor(draws[1] * room)
        position = ops.arange(size, dtype="float32")[None, :, None]
        inside = (position >= starts[:, None]) & (position < (starts + widths)[:, None])
        return ops.cast(ops.logical_not(ops.any(inside, axis=-1)), "float32")
