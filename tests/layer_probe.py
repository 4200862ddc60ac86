"""What the public layers compute and learn; run by `test_layers.py` on JAX too.

Usage: KERAS_BACKEND=jax python -m tests.layer_probe RESULTS
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import keras
import numpy as np

from asr import layers

BATCH, STEPS, FRAMES, SIZE, VOCABULARY = 3, 4, 7, 6, 9
LENGTHS = np.array([7, 4, 1])
MASK = np.arange(FRAMES) < LENGTHS[:, None]

ATTENTIONS: dict[str, Callable[[], layers.Attention]] = {
    "bahdanau": lambda: layers.BahdanauAttention(5),
    "bahdanau, location": lambda: layers.BahdanauAttention(5, 2, 3),
    "luong dot": lambda: layers.LuongAttention(score="dot"),
    "luong general": lambda: layers.LuongAttention(),
    "luong concat": lambda: layers.LuongAttention(5, "concat", scale=False),
    "local monotonic": lambda: layers.LocalAttention(2, "monotonic"),
    "local predicted": lambda: layers.LocalAttention(2, "predicted", units=5),
    "local previous": lambda: layers.LocalAttention(2),
    "hard": lambda: layers.HardAttention(seed=1),
    "multi-head": lambda: layers.MultiHeadAttention(2, 4),
}
"""Makers of every attention with a query."""


def numbers(*shape: int, seed: int = 0) -> np.ndarray:
    """Return normal random numbers."""
    return np.random.default_rng(seed).normal(size=shape).astype("float32")


def randomise(layer: keras.layers.Layer) -> None:
    """Give a layer weights that depend only on their order and shapes."""
    for i, weight in enumerate(layer.trainable_weights):
        weight.assign(0.6 * numbers(*weight.shape, seed=10 + i))


def padded_values() -> np.ndarray:
    """Return values whose padding is noise, (B, S, D)."""
    return numbers(BATCH, FRAMES, SIZE, seed=2)


def texts() -> np.ndarray:
    """Return token numbers with zeros in the padding, (B, S)."""
    tokens = np.random.default_rng(3).integers(1, VOCABULARY, (BATCH, FRAMES))
    return tokens * MASK


def translator(attention: layers.Attention) -> keras.Model:
    """Return a functional model with every layer, from two texts to logits."""
    source = keras.Input((None,), dtype="int32")
    target = keras.Input((None,), dtype="int32")
    memory = keras.layers.Embedding(VOCABULARY, SIZE, mask_zero=True)(source)
    memory = layers.TransformerBlock(SIZE, 2, 12, rate=0.0)(memory)
    summary, _ = layers.SimpleAttention(4)(memory)
    context, _ = attention(summary, memory)
    logits, weights = layers.AttentionDecoder(
        VOCABULARY, layers.BahdanauAttention(5), units=SIZE, embedding=4, dropout=0.0
    )(target, memory)
    logits = keras.layers.Add()(
        [
            logits,
            keras.layers.RepeatVector(STEPS)(keras.layers.Dense(VOCABULARY)(context)),
        ]
    )
    return keras.Model([source, target], [logits, weights])


def train(model: keras.Model) -> float:
    """Train for one step and return the loss before it."""
    # Not Adam: its first step is the sign of the gradient, however small that is.
    model.compile(keras.optimizers.SGD(0.01), loss=["mse", None])
    inputs = [texts(), texts()[:, :STEPS]]
    history = model.fit(inputs, [numbers(BATCH, STEPS, VOCABULARY)], verbose=0)
    return float(history.history["loss"][0])


def probe() -> dict[str, np.ndarray]:
    """Return contexts and weights of every layer, and of a model after training."""
    results = {}
    for name, make in ATTENTIONS.items():
        layer, query = make(), numbers(BATCH, STEPS, SIZE, seed=1)
        layer(query, padded_values())
        randomise(layer)
        results[f"{name}/context"], results[f"{name}/weights"] = layer(
            query, padded_values(), MASK
        )
    model = translator(layers.LuongAttention())
    randomise(model)
    results["loss"] = np.asarray(train(model))
    results["logits"] = model.predict_on_batch([texts(), texts()[:, :STEPS]])[0]
    return {name: np.asarray(value) for name, value in results.items()}


if __name__ == "__main__":
    np.savez(Path(sys.argv[1]), backend=keras.backend.backend(), **probe())
