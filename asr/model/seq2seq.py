"""The model: frontend -> augmentation -> encoder -> decoder, and its loss."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from asr.config import AugmentConfig, ModelConfig, TrainConfig
from asr.model.augment import SpecAugment
from asr.model.decoder import Decoder
from asr.model.encoder import Encoded, Encoder
from asr.model.losses import cross_entropy, ctc
from asr.tensors import Tensor


class Seq2Seq(keras.Model):
    """Attention encoder-decoder with a CTC head on the encoder.

    A functional model from `source` (B, N), `source_lengths` (B,) and `tokens` (B, U)
    to `logits` (B, U, V), `ctc_logits` (B, R, V), `ctc_lengths` (B,) and attention
    `weights` (B, U, S). It does not know which task it serves: the frontend is a layer
    `(source, lengths) -> (features, lengths)` that is handed in.

    Args:
        config: Sizes of all parts.
        vocabulary: Number of tokens; 0 is padding and the CTC blank.
        frontend: What turns the source into features.
        augment: Masking in training.
        seed: Seed of dropout and masking.
    """

    def __init__(
        self,
        config: ModelConfig,
        vocabulary: int,
        frontend: keras.layers.Layer,
        *,
        augment: AugmentConfig | None = None,
        seed: int = 0,
    ) -> None:
        source = keras.Input((None,), name="source", dtype="float32")
        lengths = keras.Input((), name="source_lengths", dtype="int32")
        tokens = keras.Input((None,), name="tokens", dtype="int32")
        encoder = Encoder(config.encoder, seed=seed + 100, name="encoder")
        decoder = Decoder(
            config.decoder,
            config.attention,
            vocabulary,
            seed=seed + 200,
            name="decoder",
        )
        ctc_head = keras.layers.Dense(vocabulary, dtype="float32", name="ctc")
        features, feature_lengths = frontend(source, lengths)
        masking = SpecAugment(augment or AugmentConfig(), seed=seed, name="augment")
        encoded = encoder(masking(features, feature_lengths), feature_lengths)
        logits, weights = decoder(tokens, encoded.memory, encoded.memory_lengths)
        super().__init__(
            {"source": source, "source_lengths": lengths, "tokens": tokens},
            {
                "logits": logits,
                "ctc_logits": ctc_head(encoded.states),
                "ctc_lengths": encoded.state_lengths,
                "weights": weights,
            },
            name="seq2seq",
        )
        self.frontend = frontend
        self.masking = masking
        self.encoder = encoder
        self.decoder = decoder
        self.ctc_head = ctc_head
        self.loss_config = TrainConfig()
        self.replicas = 1  # devices that share a batch; their gradients are added up
        self.ctc_tracker = keras.metrics.Mean(name="ctc_loss")
        self.attention_tracker = keras.metrics.Mean(name="attention_loss")

    def encode(self, source: Tensor, lengths: Tensor) -> tuple[Encoded, Tensor]:
        """Read a source without decoding it.

        Args:
            source: (B, N).
            lengths: (B,) int32.

        Returns:
            What the encoder knows, and CTC log probabilities, (B, R, V).
        """
        encoded = self.encoder(*self.frontend(source, lengths))
        return encoded, ops.log_softmax(self.ctc_head(encoded.states), axis=-1)

    def compute_loss(
        self,
        x: Any = None,  # noqa: ANN401, ARG002 - Keras signature
        y: Any = None,  # noqa: ANN401 - Keras signature
        y_pred: Any = None,  # noqa: ANN401 - Keras signature
        sample_weight: Any = None,  # noqa: ANN401, ARG002 - Keras signature
        training: bool = True,
    ) -> Tensor:
        """Return (1 - w) * cross-entropy + w * CTC, both per label.

        `y` holds `labels` (B, U), each sequence closed by the end symbol, and
        `label_lengths` (B,) which count it.
        """
        config = self.loss_config
        labels, lengths = y["labels"], y["label_lengths"]
        smoothing = 0.0
        if training and config.label_smoothing:
            # Batches, this one included; JAX shows no variable of the optimiser here.
            seen = self.masking.batches - 1
            started = seen >= config.smoothing_start * config.accumulate
            smoothing = config.label_smoothing * ops.cast(started, "float32")
        attention_loss = cross_entropy(y_pred["logits"], labels, lengths, smoothing)
        self.attention_tracker.update_state(attention_loss)
        loss = (1.0 - config.ctc_weight) * attention_loss
        if config.ctc_weight:
            ctc_loss = ctc(
                y_pred["ctc_logits"], y_pred["ctc_lengths"], labels, lengths - 1
            )
            self.ctc_tracker.update_state(ctc_loss)
            loss = loss + config.ctc_weight * ctc_loss
        return (loss + sum(self.losses)) / self.replicas
