"""A CTC head that writes phones, and knows how often each was said in training."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

from asr.arrays import Tensor


class PhoneHead(keras.layers.Dense):
    """Logits of phones at each state, the blank first.

    Attributes:
        log_prior: Log share of the blank and of each phone in training, (P,). Uniform
            unless `count_prior` was called.

    Reference:
        Y. Miao, M. Gowayyed, F. Metze, EESEN: End-to-End Speech Recognition using Deep
        RNN Models and WFST-based Decoding, ASRU 2015: posteriors divided by priors
        that are counted in the labels, with blanks between.
    """

    def __init__(self, phones: int) -> None:
        super().__init__(1 + phones, dtype="float32", name="phones")

    def build(self, input_shape: Any) -> None:  # noqa: D102 - Keras signature
        super().build(input_shape)
        self.log_prior = self.add_weight(
            shape=(self.units,), initializer="zeros", trainable=False, name="log_prior"
        )

    def count_prior(self, texts: Sequence[Sequence[int]]) -> None:
        """Count phones, from 1 on, with a blank before, between and after them."""
        counts = np.zeros(self.units)
        for phones in texts:
            np.add.at(counts, np.array(phones, np.int64), 1)
            counts[0] += len(phones) + 1
        counts = np.maximum(counts, 1)  # of phones that nobody said
        self.log_prior.assign(np.log(counts / counts.sum()))

    def log_probs(self, states: Tensor, prior: float) -> Tensor:
        """Return log probabilities of phones, (B, R, P), as if all were as frequent.

        Args:
            states: Of the encoder, (B, R, D).
            prior: Exponent of the shares by which probabilities are divided before
                those of a state are made to add up to 1 again; 0 changes nothing.
        """
        return ops.log_softmax(self(states) - prior * self.log_prior, axis=-1)
