"""CTC heads on the encoder: one of characters, and one of phones with their prior."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np

from asr.arrays import Tensor
from asr.config.schema import ModelConfig
from asr.errors import RecipeError
from asr.model.kernels.denominator import trigram_probabilities
from asr.model.losses import ctc


class CTCHead(keras.layers.Dense):
    """Logits of tokens at each encoder state, the blank first.

    Attributes:
        output: Key of the logits in the outputs of `Seq2Seq`.
        metric: Name of the loss in the logs.
        labels: Key of the labels.
        lengths: Key of their lengths.
        closing: End symbols of each label sequence.
        crf: Share of the CTC-CRF loss; CTC has the rest.
        trigrams: Probabilities of tokens after two others, for CTC-CRF.

    Args:
        symbols: Number of tokens, the blank included.
        name: Name of the layer, and key of the head in `Seq2Seq.heads`.
    """

    output, metric = "ctc_logits", "ctc_loss"
    labels, lengths, closing = "labels", "label_lengths", 1
    crf = 0.0
    trigrams: np.ndarray | None = None

    def __init__(self, symbols: int, name: str = "ctc") -> None:
        super().__init__(symbols, dtype="float32", name=name)

    def loss(self, y_pred: dict[str, Any], y: dict[str, Any]) -> Tensor:
        """Return the CTC loss per label, () float32.

        Args:
            y_pred: Outputs of `Seq2Seq`.
            y: `labels` (B, U), each closed by the end symbol, and `label_lengths` (B,)
                that count it. CTC itself needs no end symbol. For phones, `phones`
                (B, W), from 1 on and without an end symbol, and `phone_lengths` (B,).
        """
        return ctc(
            y_pred[self.output],
            y_pred["ctc_lengths"],
            y[self.labels],
            y[self.lengths] - self.closing,
            crf=self.crf,
            trigrams=self.trigrams,
        )


class PhoneHead(CTCHead):
    """Logits of phones at each encoder state, the blank first.

    Attributes:
        log_prior: Log prior of the blank and of each phone, (P,); uniform until
            `count_prior` is called.

    Args:
        phones: Number of phones, without the blank.

    Reference:
        Y. Miao, M. Gowayyed, F. Metze, EESEN: End-to-End Speech Recognition using Deep
        RNN Models and WFST-based Decoding, ASRU 2015: posteriors are divided by priors
        that are counted in the labels, with blanks between.
    """

    output, metric = "phone_logits", "phone_loss"
    labels, lengths, closing = "phones", "phone_lengths", 0

    def __init__(self, phones: int) -> None:
        super().__init__(1 + phones, name="phones")

    def build(self, input_shape: Any) -> None:  # noqa: D102 - Keras signature
        super().build(input_shape)
        self.log_prior = self.add_weight(
            (self.units,), "zeros", trainable=False, name="log_prior"
        )

    def count_prior(self, texts: Sequence[Sequence[int]]) -> None:
        """Count phones, from 1 on, with a blank before, between and after them."""
        counts = np.zeros(self.units)
        for phones in texts:
            np.add.at(counts, np.array(phones, np.int64), 1)
            counts[0] += len(phones) + 1
        counts = np.maximum(counts, 1)  # phones that never occur: no log of 0
        self.log_prior.assign(np.log(counts / counts.sum()))

    def use_crf(self, texts: Sequence[Sequence[int]], share: float) -> None:
        """Give CTC-CRF a share of the loss, with the trigrams of texts of phones."""
        self.crf = share
        self.trigrams = trigram_probabilities(texts, self.units - 1)


def build_heads(config: ModelConfig, vocabulary: int) -> dict[str, CTCHead]:
    """Return the CTC heads of a model by their names.

    Raises:
        RecipeError: There are phones, but no head of characters.
    """
    heads: dict[str, CTCHead] = {}
    if config.ctc:
        heads["ctc"] = CTCHead(vocabulary)
    if config.phones:
        if not config.ctc:
            raise RecipeError("model.phones: only beside model.ctc")
        heads["phones"] = PhoneHead(len(config.phones))
    return heads
