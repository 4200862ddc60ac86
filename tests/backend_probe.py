"""What a Keras backend computes with given weights; run by `test_backends.py`.

Usage: KERAS_BACKEND=jax python -m tests.backend_probe WEIGHTS RESULTS
"""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import keras
import numpy as np

from asr.config.schema import (
    AttentionConfig,
    ModelConfig,
    TextConfig,
    TrainConfig,
)
from asr.model.attention_variants import ATTENTIONS
from asr.model.decoder import Decoder
from asr.model.seq2seq import Seq2Seq
from asr.model.token_embedding import TokenEmbedding
from tests.tiny_speech import CONFIG, NO_MASKS, tiny_speech_model

VOCABULARY = 9


def build() -> Seq2Seq:
    """Return a small model without anything random in training."""
    return tiny_speech_model(VOCABULARY, replace(CONFIG, phones=("A", "B")))


def batch() -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    """Return inputs and targets of three recordings of different lengths."""
    random = np.random.default_rng(0)
    lengths = np.array([12000, 8000, 9123], "int32")
    source = random.normal(size=(3, 12000)) * np.linspace(0.01, 0.2, 12000)
    source[np.arange(12000) >= lengths[:, None]] = 0.0
    labels = np.array([[3, 5, 5, 8, 2], [4, 2, 0, 0, 0], [6, 7, 2, 0, 0]], "int32")
    tokens = np.roll(labels, 1, axis=1)
    tokens[:, 0] = 1
    inputs = {
        "source": source.astype("float32"),
        "source_lengths": lengths,
        "tokens": tokens,
    }
    targets = {"labels": labels, "label_lengths": np.array([5, 2, 3], "int32")}
    targets["phones"] = np.array([[1, 2, 1], [2, 0, 0], [1, 1, 0]], "int32")
    targets["phone_lengths"] = np.array([3, 1, 2], "int32")
    return inputs, targets


def attentions() -> dict[str, np.ndarray]:
    """Return the logits of a decoder with each kind of attention."""
    random = np.random.default_rng(1)
    memory = random.normal(size=(3, 9, 8)).astype("float32")
    inputs, _ = batch()
    results = {}
    for kind in ATTENTIONS:
        config = AttentionConfig(kind=kind, units=8, heads=2, window=2)
        decoder = Decoder(replace(CONFIG, attention=config), VOCABULARY)
        lengths = np.array([9, 4, 2], "int32")
        decoder(inputs["tokens"], memory, lengths)  # creates the weights
        numbers = np.random.default_rng(2)
        for weight in decoder.trainable_weights:
            weight.assign(0.5 * numbers.normal(size=weight.shape))
        results[f"attention/{kind}"] = decoder(inputs["tokens"], memory, lengths)[0]
    return results


def texts() -> dict[str, np.ndarray]:
    """Return what a small model of texts, which copies, computes and learns."""
    config = ModelConfig(
        text=TextConfig(embedding=6, dropout=0.0),
        encoder=replace(CONFIG.encoder, convolutions=0, memory_stride=1),
        decoder=replace(CONFIG.decoder, tied=True, copy=True),
        attention=CONFIG.attention,
        ctc=False,
    )
    model = Seq2Seq(
        config,
        VOCABULARY,
        TokenEmbedding(config.text, VOCABULARY, name="frontend"),
        augment=NO_MASKS,
    )
    numbers = np.random.default_rng(3)
    for weight in model.trainable_weights:
        weight.assign(0.5 * numbers.normal(size=weight.shape))
    inputs, targets = batch()
    inputs["source"] = numbers.integers(3, VOCABULARY, (3, 6)).astype("float32")
    inputs["source_lengths"] = np.array([6, 2, 4], "int32")
    results = {f"texts/{k}": v for k, v in model.predict_on_batch(inputs).items()}
    model.loss_config = TrainConfig(coverage_weight=0.5, smoothing_start=0)
    model.compile(optimizer=keras.optimizers.SGD(0.1))
    results["texts/loss"] = np.asarray(model.train_on_batch(inputs, targets))
    results |= {f"texts/{w.path}": np.asarray(w) for w in model.trainable_weights}
    return results


def probe(weights: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Return outputs, and loss and weights after a training step."""
    model = build()
    for weight in model.weights:
        weight.assign(weights[weight.path])
    inputs, targets = batch()
    results = {f"output/{k}": v for k, v in model.predict_on_batch(inputs).items()}
    results |= attentions()
    results |= texts()
    # Not Adam: its first step is the sign of the gradient, however small that is.
    model.compile(optimizer=keras.optimizers.SGD(0.1))
    results["loss"] = np.asarray(model.train_on_batch(inputs, targets))
    results |= {f"trained/{w.path}": np.asarray(w) for w in model.trainable_weights}
    return {name: np.asarray(value) for name, value in results.items()}


if __name__ == "__main__":
    with np.load(sys.argv[1]) as stored:
        np.savez(
            Path(sys.argv[2]), backend=keras.backend.backend(), **probe(dict(stored))
        )
