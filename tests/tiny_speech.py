"""A network for speech that is small enough to test, and what it is built with."""

from __future__ import annotations

from typing import Any

from asr.config.schema import (
    AttentionConfig,
    AugmentConfig,
    DecoderConfig,
    EncoderConfig,
    FrontendConfig,
    ModelConfig,
)
from asr.model.frontend import LogMel
from asr.model.seq2seq import Seq2Seq
from asr.runtime.network import Network
from asr.storage.keras_model import weights_of

CONFIG = ModelConfig(
    frontend=FrontendConfig(mels=12),
    encoder=EncoderConfig(filters=8, layers=1, units=6, memory_units=8, dropout=0.0),
    decoder=DecoderConfig(units=8, embedding=4, dropout=0.0),
    attention=AttentionConfig(units=6, location_filters=3, location_width=5),
)
NO_MASKS = AugmentConfig(frequency_masks=0, time_masks=0)


def tiny_speech_model(
    vocabulary: int,
    config: ModelConfig = CONFIG,
    *,
    augment: AugmentConfig = NO_MASKS,
    **options: Any,
) -> Seq2Seq:
    """Return a network without anything random in training, but for the options."""
    frontend = LogMel(config.frontend, name="frontend")
    return Seq2Seq(config, vocabulary, frontend, augment=augment, **options)


def runtime_of(model: Seq2Seq, vocabulary: int, config: ModelConfig) -> Network:
    """Return a network for inference with the weights of a model."""
    return Network(config, weights_of(model), vocabulary=vocabulary, text=False)
