"""The whole model: frontend, SpecAugment, encoder, decoder, CTC heads, and its loss."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from asr.arrays import Tensor
from asr.config.schema import AugmentConfig, ModelConfig, TrainConfig
from asr.errors import RecipeError
from asr.model.batch_share import batch_rows, batch_sum
from asr.model.classifier import PoolingDecoder
from asr.model.ctc_heads import build_heads
from asr.model.decoder import Decoder
from asr.model.encoder import Encoder
from asr.model.labeller import LabelDecoder
from asr.model.losses import cross_entropy
from asr.model.pointer_generator import coverage_loss
from asr.model.spec_augment import SpecAugment

DECODERS: dict[str, Any] = {
    "gru": Decoder,
    "lstm": Decoder,
    "pooling": PoolingDecoder,
    "labels": LabelDecoder,
}


class Seq2Seq(keras.Model):
    """Attention encoder-decoder, by default with a CTC head on the encoder.

    A functional model from `source` (B, N), `source_lengths` (B,) and `tokens` (B, U)
    to a dict of `logits` (B, U, V), attention `weights` (B, U, S) and, with CTC heads,
    `ctc_logits` (B, R, V), `phone_logits` (B, R, P) and `ctc_lengths` (B,).

    It does not know its task: the frontend is a layer `(source, lengths) -> (features,
    lengths)` that the task hands in. A frontend for copying also has `tokens(source)`,
    the tokens behind the memory frames.

    Attributes:
        heads: CTC heads by name: `ctc` for characters, `phones`; see `ctc_heads`.

    Args:
        config: Sizes of all parts.
        vocabulary: Number of tokens; 0 is padding and the CTC blank.
        frontend: Layer that turns the source into features.
        augment: Masks of SpecAugment.
        seed: Seed of dropout and masks after the frontend.

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
        masking = SpecAugment(augment or AugmentConfig(), seed=seed, name="augment")
        encoder = Encoder(config.encoder, seed=seed + 100, name="encoder")
        decoder = DECODERS[config.decoder.kind](
            config, vocabulary, seed=seed + 200, name="decoder"
        )
        if config.decoder.copy:
            _check_copying(config, frontend)
        features, feature_lengths = frontend(source, lengths)
        encoded = encoder(masking(features, feature_lengths), feature_lengths)
        copied = (frontend.tokens(source),) if config.decoder.copy else ()
        logits, weights = decoder(
            tokens, encoded.memory, encoded.memory_lengths, *copied
        )
        outputs = {"logits": logits, "weights": weights}
        # Made last: the order of layers decides which initial weights a seed gives.
        heads = build_heads(config, vocabulary)
        for head in heads.values():
            outputs[head.output] = head(encoded.states)
            outputs["ctc_lengths"] = encoded.state_lengths
        super().__init__(
            {"source": source, "source_lengths": lengths, "tokens": tokens},
            outputs,
            name="seq2seq",
        )
        self.frontend = frontend
        self.masking = masking
        self.encoder = encoder
        self.decoder = decoder
        self.heads = heads
        self.loss_config = TrainConfig()
        names = [*(head.metric for head in heads.values()), "attention_loss"]
        self.trackers = {name: keras.metrics.Mean(name=name) for name in names}

    def set_losses(self, config: TrainConfig) -> None:
        """Set the losses of a recipe; parts that none of them reaches are frozen."""
        self.loss_config = config
        attended = not self.heads or config.ctc_weight < 1
        self.decoder.trainable = self.encoder.output_layer.trainable = attended

    def get_metrics_result(self) -> dict[str, Any]:
        """Return the mean of each loss that is part of the training."""
        results: dict[str, Any] = super().get_metrics_result()
        if not self.decoder.trainable:
            results.pop("attention_loss", None)
        return results

    def compute_loss(
        self,
        x: Any = None,  # noqa: ARG002 - Keras signature
        y: Any = None,
        y_pred: Any = None,
        sample_weight: Any = None,  # noqa: ARG002 - Keras signature
        training: bool = True,
    ) -> Tensor:
        """Return (1 - w) * attention loss + w * mean loss of the heads.

        Without a CTC head w is 0. `y` holds `labels` (B, U), each closed by the end
        symbol, `label_lengths` (B,) that count it, and the labels of all heads. Of a
        share of a batch it is the part of the loss that the share adds.
        """
        config, smoothing = self.loss_config, 0.0
        if training and config.label_smoothing:
            # Batches before this one. JAX shows no variable of the optimiser here.
            batches = self.masking.batches - 1
            started = batches >= config.smoothing_start * config.accumulate
            smoothing = config.label_smoothing * ops.cast(started, "float32")
        parts = self.part_losses(y_pred, y, smoothing)
        here = ops.shape(y["labels"])[0]
        rows = batch_rows(here)
        for name, part in parts.items():
            # Weighted by sequences, as Keras weighs the whole.
            self.trackers[name].update_state(batch_sum(part), sample_weight=rows)
        loss = self.total_loss(parts)
        if self.decoder.trainable and config.coverage_weight:
            covered = coverage_loss(y_pred["weights"], y["label_lengths"])
            loss = loss + config.coverage_weight * covered
        share = ops.cast(here, "float32") / ops.cast(rows, "float32")
        return loss + share * sum(self.losses)

    def part_losses(
        self, y_pred: Any, y: Any, smoothing: Tensor = 0.0
    ) -> dict[str, Tensor]:
        """Return the loss of each part that is trained, by its name in the logs.

        Args:
            y_pred: Outputs of the model.
            y: Targets; see `compute_loss`. A head without labels is left out.
            smoothing: Probability mass spread evenly over all tokens.
        """
        parts = {}
        if self.decoder.trainable:
            labels, lengths = y["labels"], y["label_lengths"]
            loss = cross_entropy(y_pred["logits"], labels, lengths, smoothing)
            parts["attention_loss"] = loss
        for head in self.heads.values() if self.loss_config.ctc_weight else ():
            if head.labels in y:
                parts[head.metric] = head.loss(y_pred, y)
        return parts

    def total_loss(self, parts: dict[str, Tensor]) -> Tensor:
        """Return the weighted sum of the losses of all parts."""
        weight = self.loss_config.ctc_weight if self.heads else 0.0
        loss = 0.0
        if self.decoder.trainable:
            loss = (1.0 - weight) * parts["attention_loss"]
        if weight:
            losses = [parts[head.metric] for head in self.heads.values()]
            loss = loss + weight * (sum(losses) / len(losses))
        return loss


def _check_copying(config: ModelConfig, frontend: keras.layers.Layer) -> None:
    encoder = config.encoder
    if not config.decoder.attends:
        raise RecipeError("model.decoder.copy: only the kinds gru and lstm can copy")
    if encoder.reduction * encoder.memory_stride > 1 or not hasattr(frontend, "tokens"):
        raise RecipeError(
            "model.decoder.copy: the memory has no frame for each token of a "
            "text; set encoder.stride and encoder.memory_stride to 1"
        )
