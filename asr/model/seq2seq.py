"""The model: frontend -> augmentation -> encoder -> decoder, and its loss."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from asr.arrays import Tensor
from asr.config.schema import AugmentConfig, ModelConfig, TrainConfig
from asr.errors import RecipeError
from asr.model.classifier import PoolingDecoder
from asr.model.ctc_heads import PhoneHead
from asr.model.decoder import Decoder, Prepared
from asr.model.encoder import Encoded, Encoder
from asr.model.losses import cross_entropy, ctc
from asr.model.pointer_generator import coverage_loss
from asr.model.spec_augment import SpecAugment

DECODERS: dict[str, Any] = {"gru": Decoder, "pooling": PoolingDecoder}


class Seq2Seq(keras.Model):
    """Attention encoder-decoder, by default with a CTC head on the encoder.

    A functional model from `source` (B, N), `source_lengths` (B,) and `tokens` (B, U)
    to `logits` (B, U, V), attention `weights` (B, U, S) and, where it has a CTC head,
    `ctc_logits` (B, R, V) and `ctc_lengths` (B,); where it has one of P phones, blank
    included, `phone_logits` (B, R, P). It does not know which task it serves: the
    frontend is a layer `(source, lengths) -> (features, lengths)` that is handed in.
    One whose `tokens(source)` are those behind the memory's frames lets the decoder
    copy them.

    Args:
        config: Sizes of all parts.
        vocabulary: Number of tokens; 0 is padding and the CTC blank.
        frontend: What turns the source into features.
        augment: Masking in training.
        seed: Seed of dropout and masking behind the frontend.

    Raises:
        RecipeError: The parts do not fit each other.
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
        decoder = DECODERS[config.decoder.kind](
            config.decoder,
            config.attention,
            vocabulary,
            seed=seed + 200,
            name="decoder",
        )
        features, feature_lengths = frontend(source, lengths)
        masking = SpecAugment(augment or AugmentConfig(), seed=seed, name="augment")
        encoded = encoder(masking(features, feature_lengths), feature_lengths)
        copied: tuple[Any, ...] = ()
        if config.decoder.copy:
            _check_copying(config, encoder, frontend)
            copied = (frontend.tokens(source),)
        logits, weights = decoder(
            tokens, encoded.memory, encoded.memory_lengths, *copied
        )
        outputs = {"logits": logits, "weights": weights}
        ctc_head = None
        if config.ctc:
            ctc_head = keras.layers.Dense(vocabulary, dtype="float32", name="ctc")
            outputs["ctc_logits"] = ctc_head(encoded.states)
            outputs["ctc_lengths"] = encoded.state_lengths
        phone_head = PhoneHead(len(config.phones)) if config.phones else None
        if phone_head is not None:
            if ctc_head is None:
                raise RecipeError("model.phones: only beside model.ctc")
            outputs["phone_logits"] = phone_head(encoded.states)
        super().__init__(
            {"source": source, "source_lengths": lengths, "tokens": tokens},
            outputs,
            name="seq2seq",
        )
        self.copies = config.decoder.copy
        self.frontend = frontend
        self.masking = masking
        self.encoder = encoder
        self.decoder = decoder
        self.ctc_head = ctc_head
        self.phone_head = phone_head
        self.loss_config = TrainConfig()
        self.replicas = 1  # devices that share a batch; their gradients are added up
        if config.ctc:
            self.ctc_tracker = keras.metrics.Mean(name="ctc_loss")
        if config.phones:
            self.phone_tracker = keras.metrics.Mean(name="phone_loss")
        self.attention_tracker = keras.metrics.Mean(name="attention_loss")

    def set_losses(self, config: TrainConfig) -> None:
        """Take the losses of a recipe; what none of them reaches stays as it is."""
        self.loss_config = config
        attended = self.ctc_head is None or config.ctc_weight < 1
        self.decoder.trainable = self.encoder.output_layer.trainable = attended

    def get_metrics_result(self) -> dict[str, Any]:
        """Return the mean of each loss that is part of the training."""
        found: dict[str, Any] = super().get_metrics_result()
        if not self.decoder.trainable:
            found.pop(self.attention_tracker.name, None)
        return found

    def encode(
        self, source: Tensor, lengths: Tensor
    ) -> tuple[Encoded, Prepared, Tensor]:
        """Read a source without decoding it.

        Args:
            source: (B, N).
            lengths: (B,) int32.

        Returns:
            What the encoder knows, what the decoder's steps share, and CTC log
            probabilities, (B, R, V), or None without a CTC head.
        """
        encoded = self.encoder(*self.frontend(source, lengths))
        copied = (self.frontend.tokens(source),) if self.copies else ()
        prepared = self.decoder.prepare(encoded.memory, encoded.memory_lengths, *copied)
        if self.ctc_head is None:
            return encoded, prepared, None
        log_probs = ops.log_softmax(self.ctc_head(encoded.states), axis=-1)
        return encoded, prepared, log_probs

    def compute_loss(
        self,
        x: Any = None,  # noqa: ARG002 - Keras signature
        y: Any = None,
        y_pred: Any = None,
        sample_weight: Any = None,  # noqa: ARG002 - Keras signature
        training: bool = True,
    ) -> Tensor:
        """Return (1 - w) * cross-entropy + w * CTC, both per label.

        Without a CTC head w is 0; with two it weighs their mean. Coverage may be added.
        `y` holds `labels` (B, U), each sequence closed by the end symbol, and
        `label_lengths` (B,) which count it; for a head of phones `phones` (B, W), from
        1 on, and `phone_lengths` (B,).
        """
        config = self.loss_config
        labels, lengths = y["labels"], y["label_lengths"]
        if not self.decoder.trainable:
            loss = self._ctc_loss(y_pred, y)
            return (loss + sum(self.losses)) / self.replicas
        smoothing = 0.0
        if training and config.label_smoothing:
            # Batches, this one included; JAX shows no variable of the optimiser here.
            seen = self.masking.batches - 1
            started = seen >= config.smoothing_start * config.accumulate
            smoothing = config.label_smoothing * ops.cast(started, "float32")
        attention_loss = cross_entropy(y_pred["logits"], labels, lengths, smoothing)
        self._track(self.attention_tracker, attention_loss, labels)
        ctc_weight = 0.0 if self.ctc_head is None else config.ctc_weight
        loss = (1.0 - ctc_weight) * attention_loss
        if config.coverage_weight:
            covered = coverage_loss(y_pred["weights"], lengths)
            loss = loss + config.coverage_weight * covered
        if ctc_weight:
            loss = loss + ctc_weight * self._ctc_loss(y_pred, y)
        return (loss + sum(self.losses)) / self.replicas

    def _ctc_loss(self, y_pred: Any, y: Any) -> Tensor:
        labels, frames = y["labels"], y_pred["ctc_lengths"]
        loss = ctc(y_pred["ctc_logits"], frames, labels, y["label_lengths"] - 1)
        self._track(self.ctc_tracker, loss, labels)
        if self.phone_head is None:
            return loss
        phones, lengths = y["phones"], y["phone_lengths"]
        sound_loss = ctc(y_pred["phone_logits"], frames, phones, lengths)
        self._track(self.phone_tracker, sound_loss, labels)
        return (loss + sound_loss) / 2

    @staticmethod
    def _track(tracker: keras.metrics.Mean, loss: Tensor, labels: Tensor) -> None:
        """Weigh batches by their sequences, as Keras does for the whole loss."""
        tracker.update_state(loss, sample_weight=ops.shape(labels)[0])


def _check_copying(
    config: ModelConfig, encoder: Encoder, frontend: keras.layers.Layer
) -> None:
    if config.decoder.kind != "gru":
        raise RecipeError("model.decoder.copy: only the kind gru can copy")
    if encoder.frames_per_memory > 1 or not hasattr(frontend, "tokens"):
        raise RecipeError(
            "model.decoder.copy: the memory has no frame for each token of a "
            "text; set encoder.stride and encoder.memory_stride to 1"
        )
