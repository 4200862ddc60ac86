"""Attentive pooling: attention without a query."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from asr.arrays import Tensor
from asr.model.attention import mask_bias, softmax, weighted_sum
from asr.model.ops import serializable


@serializable
class SimpleAttention(keras.layers.Layer):
    """Attentive pooling: a sequence to one vector, without a query.

    The energy of value m is v . tanh(W m + b), or tanh(w . m + b) without `units`.

    Args:
        units: Size of the space in which values are weighed; None for one number.

    Call arguments:
        values: (B, S, D).
        mask: As for `Attention`.

    Returns:
        The context, (B, D), and the weights, (B, S) float32.

    Reference:
        C. Raffel and D. Ellis, Feed-forward networks with attention, 2015 (workshop of
        ICLR 2016), equation 1; Z. Lin et al., ICLR 2017, section 2.1, with one hop.
    """

    def __init__(self, units: int | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.supports_masking = True
        self.units = units
        layers, policy = keras.layers, self.dtype_policy
        self.keys = layers.Dense(
            units or 1, activation="tanh", name="keys", dtype=policy
        )
        self.energy = layers.Dense(1, use_bias=False, name="energy", dtype=policy)

    def build(self, values_shape: Any) -> None:
        """Create the weights."""
        self.keys.build(values_shape)
        if self.units:
            self.energy.build((*values_shape[:-1], self.units))

    def call(self, values: Tensor, mask: Tensor = None) -> tuple[Any, Any]:
        """See the class."""
        if mask is None:
            mask = ops.ones(ops.shape(values)[:2], "bool")
        energies = self.keys(values)
        if self.units:
            energies = self.energy(energies)
        context, weights = pool(energies, values, ops.cast(mask, "bool"))
        return ops.squeeze(context, 1), ops.squeeze(weights, 1)

    def compute_mask(self, *_: Any) -> None:
        """Return no mask: one vector remains."""

    def get_config(self) -> dict[str, Any]:
        """Return the arguments of the layer."""
        return {**super().get_config(), "units": self.units}


def pool(energies: Tensor, values: Tensor, mask: Tensor) -> tuple[Any, Any]:
    """Pool values by their energies.

    Args:
        energies: (B, S, 1).
        values: (B, S, D).
        mask: True at values that count, (B, S) bool.

    Returns:
        The context, (B, 1, D), and the weights, (B, 1, S).
    """
    weights = softmax(ops.transpose(energies, (0, 2, 1)), mask_bias(mask))
    return weighted_sum(weights, values), weights
