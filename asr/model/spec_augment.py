"""SpecAugment: random masks over time and frequency, in training only."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from asr.arrays import Tensor
from asr.config.schema import AugmentConfig
from asr.model.batch_share import draw


class SpecAugment(keras.layers.Layer):
    """Masks random bands and time spans; their widths grow over the first batches.

    Masked values become zero, which is the mean of normalised features.

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
            (), "zeros", "int32", trainable=False, name="batches"
        )

    def compute_output_spec(self, features: Any, *_: Any, **__: Any) -> Any:
        """Return the symbolic output without tracing; JAX cannot with open lengths."""
        return keras.KerasTensor(features.shape)

    def call(self, features: Tensor, lengths: Tensor, training: bool = False) -> Tensor:
        """See the class."""
        if not training:
            return features
        config = self.config
        ramp = ops.cast(self.batches, "float32") / max(config.ramp_steps, 1)
        ramp = ops.minimum(ramp, 1.0)
        self.batches.assign(self.batches + 1)
        _, frames, bands = ops.shape(features)
        sizes = ops.full_like(lengths, bands)
        # At most a third of the bands, however few there are.
        widest = ramp * min(config.frequency_width, -(-bands // 3))
        widest = widest * ops.ones_like(sizes, "float32")
        mask = self._mask(bands, config.frequency_masks, sizes, widest)
        features = features * mask[:, None, :]
        widest = ramp * config.time_share * ops.cast(lengths, "float32")
        return (
            features * self._mask(frames, config.time_masks, lengths, widest)[..., None]
        )

    def _mask(self, size: Tensor, count: int, sizes: Tensor, widest: Tensor) -> Tensor:
        """Return 0 in `count` spans up to `widest` (B,) inside `sizes` (B,), else 1."""
        batch = ops.shape(sizes)[0]
        if not count:
            return ops.ones((batch, size))
        draws = draw(
            lambda shape: keras.random.uniform(shape, seed=self.random),
            (2, batch, count),
            axis=1,
        )
        widths = ops.floor(draws[0] * (ops.floor(widest)[:, None] + 1.0))  # (B, count)
        room = ops.maximum(ops.cast(sizes, "float32")[:, None] - widths + 1.0, 1.0)
        starts = ops.floor(draws[1] * room)
        position = ops.arange(size, dtype="float32")[None, :, None]
        inside = (position >= starts[:, None]) & (position < (starts + widths)[:, None])
        return ops.cast(ops.logical_not(ops.any(inside, axis=-1)), "float32")
