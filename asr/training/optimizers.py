"""Optimiser, learning rate schedule and weight average of a recipe."""

from __future__ import annotations

import math
from typing import Any

import keras
import numpy as np
from keras import ops

from asr.config.schema import TrainConfig

_FINAL_SHARE = 0.01  # of the peak, at the end of the cosine


@keras.saving.register_keras_serializable("asr")
class WarmupSchedule(keras.optimizers.schedules.LearningRateSchedule):
    """Linear warm-up to a peak, then a cosine to 1 % of it, or a constant.

    Args:
        config: Peak, warm-up and schedule.
        total_steps: Updates in the whole training.
    """

    def __init__(self, config: TrainConfig, total_steps: int) -> None:
        self.config = config
        self.total_steps = total_steps

    def __call__(self, step: Any) -> Any:
        """Return the learning rate of a batch, counted from 0."""
        # Keras counts batches, of which an update takes several.
        step = ops.cast(step // self.config.accumulate, "float32")
        warmup = max(1, min(self.config.warmup_steps, self.total_steps // 2))
        rising = (step + 1.0) / warmup
        if self.config.schedule == "cosine":
            done = (step - warmup) / max(1, self.total_steps - warmup)
            done = ops.clip(done, 0.0, 1.0)
            wave = 0.5 * (1.0 + ops.cos(math.pi * done))
            falling = _FINAL_SHARE + (1.0 - _FINAL_SHARE) * wave
        else:
            falling = ops.ones_like(step)
        share = ops.where(step < warmup, ops.minimum(rising, 1.0), falling)
        return self.config.learning_rate * share

    def get_config(self) -> dict[str, Any]:
        """Return an empty config: the recipe is stored instead."""
        return {}


def build_optimizer(
    config: TrainConfig, total_steps: int, *, devices: int = 1
) -> keras.optimizers.Optimizer:
    """Return the optimiser of a recipe.

    Args:
        config: The recipe's `train` section.
        total_steps: Updates in the whole training.
        devices: Devices that each hand in an equal part of a gradient.
    """
    options: dict[str, Any] = {
        "learning_rate": WarmupSchedule(config, total_steps),
        # Keras clips on each device, before the gradients of all are added.
        "global_clipnorm": config.clip_norm / devices,
    }
    if config.accumulate > 1:
        options["gradient_accumulation_steps"] = config.accumulate
    if config.optimizer == "adam":
        return keras.optimizers.Adam(**options)
    optimizer = keras.optimizers.AdamW(weight_decay=config.weight_decay, **options)
    optimizer.exclude_from_weight_decay(var_names=["bias", "gamma", "beta"])
    return optimizer


class WeightAverage:
    """Exponential moving average of weights, sampled every few updates.

    The momentum grows with the number of updates n, as (n / (n + 1))^9: the average is
    one over the last tenth of them until this is longer than what the momentum of the
    recipe spans. So a short training does not keep its random initial weights, and none
    of its updates is left out: the first hundred are all sampled.

    Args:
        momentum: Momentum for one update; 0 keeps the newest weights.

    Attributes:
        values: The averages; empty before the first sample.
        updates: Updates before the last sample.
    """

    _EACH, _EVERY = 100, 10

    def __init__(self, momentum: float) -> None:
        self.momentum = momentum
        self.values: list[np.ndarray] = []
        self.updates = 0

    def is_due(self, updates: int) -> bool:
        """Return whether the weights after so many updates are sampled."""
        return updates <= self._EACH or updates % self._EVERY == 0

    def sample(self, weights: list[Any], updates: int) -> None:
        """Add the weights after so many updates to the average."""
        since = updates - self.updates
        momentum = min(self.momentum**since, (self.updates / updates) ** 9)
        self.updates = updates
        arrays = [np.asarray(weight) for weight in weights]
        if not self.values:
            self.values = [array.astype("float32") for array in arrays]
            return
        for average, array in zip(self.values, arrays, strict=True):
            average += (1.0 - momentum) * (array - average)
