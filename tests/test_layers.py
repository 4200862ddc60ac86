"""The public layers: the papers' formulas, Keras's own layers, use in models."""

from __future__ import annotations

import json

import keras
import numpy as np
import pytest

from asr import layers
from tests.jax_process import needs_jax, run_on_jax
from tests.layer_probe import (
    ATTENTIONS,
    BATCH,
    FRAMES,
    MASK,
    SIZE,
    STEPS,
    VOCABULARY,
    numbers,
    padded_values,
    probe,
    randomise,
    texts,
    train,
    translator,
)

everywhere = pytest.mark.parametrize("make", ATTENTIONS.values(), ids=ATTENTIONS)


def built(make, seed=1):
    """A layer with random weights, and a sequence of queries."""
    layer, query = make(), numbers(BATCH, STEPS, SIZE, seed=seed)
    layer(query, padded_values())
    randomise(layer)
    return layer, query


def arrays(layer):
    return {weight.name: np.asarray(weight) for weight in layer.weights}


def softmax(energies):
    energies = np.where(MASK[:, None], energies, -np.inf)
    weights = np.exp(energies - energies.max(axis=-1, keepdims=True))
    return weights / weights.sum(axis=-1, keepdims=True)


def check(layer, query, energies):
    """The weights are the softmax of the energies, the contexts weighted sums."""
    context, weights = layer(query, padded_values(), MASK)
    np.testing.assert_allclose(weights, softmax(energies), atol=1e-5)
    np.testing.assert_allclose(context, softmax(energies) @ padded_values(), atol=1e-5)


def test_bahdanau_is_the_paper_and_keras():
    layer, query = built(lambda: layers.BahdanauAttention(5))
    w, values = arrays(layer), padded_values()
    queries = query @ w["query_kernel"]
    keys = values @ w["key_kernel"] + w["bias"]
    hidden = np.tanh(queries[:, :, None] + keys[:, None])
    check(layer, query, (hidden @ w["energy"])[..., 0])
    other = keras.layers.AdditiveAttention()
    inputs = [queries, values, keys]
    other(inputs)
    other.scale.assign(w["energy"][:, 0])
    expected = other(inputs, mask=[None, MASK], return_attention_scores=True)
    for found, theirs in zip(layer(query, values, MASK), expected, strict=True):
        np.testing.assert_allclose(found, theirs, atol=1e-5)


@pytest.mark.parametrize("score", ["dot", "general"])
@pytest.mark.parametrize("scale", [False, True])
def test_luong_is_the_paper_and_keras(score, scale):
    layer, query = built(lambda: layers.LuongAttention(score=score, scale=scale))
    keys = padded_values()
    if score == "general":
        keys = keys @ arrays(layer)["kernel"]
    if scale:
        keys = keys / np.sqrt(SIZE)
    check(layer, query, query @ keys.transpose(0, 2, 1))
    expected = keras.layers.Attention()(
        [query, padded_values(), keys], mask=[None, MASK], return_attention_scores=True
    )
    found = layer(query, padded_values(), MASK)
    for ours, theirs in zip(found, expected, strict=True):
        np.testing.assert_allclose(ours, theirs, atol=1e-5)


def test_luong_concat_is_the_paper():
    layer, query = built(lambda: layers.LuongAttention(5, "concat"))
    w, values = arrays(layer), padded_values()
    pairs = np.concatenate(
        [
            np.repeat(query[:, :, None], FRAMES, axis=2),
            np.repeat(values[:, None], STEPS, axis=1),
        ],
        axis=-1,
    )
    both = np.concatenate([w["query_kernel"], w["kernel"]])
    check(layer, query, (np.tanh(pairs @ both) @ w["energy"])[..., 0])


def test_multi_head_equals_keras():
    layer, query = built(lambda: layers.MultiHeadAttention(2, 4))
    other = keras.layers.MultiHeadAttention(2, 4)
    other(query, padded_values())
    ours = arrays(layer)
    order = [f"{part}_{kind}" for part in ("query", "key", "value", "output")
             for kind in ("kernel", "bias")]  # fmt: skip
    other.set_weights(
        [
            ours[name].reshape(weight.shape)
            for name, weight in zip(order, other.weights, strict=True)
        ]
    )
    context, scores = other(
        query,
        padded_values(),
        attention_mask=MASK[:, None],
        return_attention_scores=True,
    )
    found = layer(query, padded_values(), MASK)
    np.testing.assert_allclose(found[0], context, atol=1e-5)
    np.testing.assert_allclose(found[1], np.mean(scores, axis=1), atol=1e-5)


@pytest.mark.parametrize("units", [None, 4])
def test_simple_attention_is_the_paper(units):
    layer, values = layers.SimpleAttention(units), padded_values()
    layer(values)
    randomise(layer)
    w = [np.asarray(weight) for weight in layer.weights]
    energies = np.tanh(values @ w[0] + w[1])
    energies = energies @ w[2] if units else energies
    weights = softmax(energies.transpose(0, 2, 1))[:, 0]
    found = layer(values, MASK)
    np.testing.assert_allclose(found[1], weights, atol=1e-5)
    expected = np.einsum("bs,bsd->bd", weights, values)
    np.testing.assert_allclose(found[0], expected, atol=1e-5)


def test_a_local_window_moves_with_the_steps():
    layer, query = built(lambda: layers.LocalAttention(1, "monotonic"))
    _, weights = layer(query, padded_values())
    for step in range(STEPS):
        seen = np.flatnonzero(np.asarray(weights)[0, step])
        np.testing.assert_array_equal(seen, range(max(step - 1, 0), step + 2))


def test_hard_attention_samples_in_training_alone():
    layer, query = built(lambda: layers.HardAttention(seed=3))
    query = np.repeat(query[:, :1], 3000, axis=1)
    soft, _ = built(lambda: layers.LuongAttention())
    _, likely = soft(query, padded_values(), MASK)
    _, drawn = layer(query, padded_values(), MASK, training=True)
    np.testing.assert_allclose(np.mean(drawn, 1), np.asarray(likely)[:, 0], atol=0.04)
    _, chosen = layer(query, padded_values(), MASK)
    assert np.ptp(np.argmax(chosen, axis=-1), axis=1).max() == 0


@everywhere
def test_one_query_is_the_first_of_a_sequence(make):
    layer, query = built(make)
    context, weights = layer(query[:, 0], padded_values(), MASK)
    assert context.shape == (BATCH, SIZE)
    assert weights.shape == (BATCH, FRAMES)
    contexts, sequence = layer(query, padded_values(), MASK)
    np.testing.assert_allclose(contexts[:, 0], context, atol=1e-5)
    np.testing.assert_allclose(sequence[:, 0], weights, atol=1e-5)
    assert not np.asarray(sequence)[~np.repeat(MASK[:, None], STEPS, axis=1)].any()


@everywhere
def test_a_mask_that_values_carry(make):
    keras.utils.set_random_seed(0)
    embedding = keras.layers.Embedding(VOCABULARY, SIZE, mask_zero=True)
    values = embedding(texts())
    layer, query = built(make)
    queries = keras.layers.Masking()(query * MASK[:, :STEPS, None])
    context, weights = layer(queries, values)
    expected = layer(queries, values, MASK)
    np.testing.assert_array_equal(weights, expected[1])
    np.testing.assert_array_equal(context, expected[0])
    # The contexts carry the mask of the queries on.
    np.testing.assert_array_equal(context._keras_mask, MASK[:, :STEPS])


@everywhere
def test_mixed_precision(make):
    exact, query = built(make)
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_float16")
    try:
        layer, _ = built(make)
        context, weights = layer(query, padded_values(), MASK)
    finally:
        keras.config.set_dtype_policy(before)
    assert context.dtype == "float16"
    assert weights.dtype == "float32"
    assert all(weight.dtype == "float32" for weight in layer.weights)
    np.testing.assert_allclose(weights.numpy().sum(-1), 1.0, atol=1e-3)
    expected = exact(query, padded_values(), MASK)
    np.testing.assert_allclose(weights, expected[1], atol=0.02)
    np.testing.assert_allclose(context, expected[0], atol=0.05)


# Keras saves weights through `np.array`, which a Keras variable does not fully support.
@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
@everywhere
def test_a_model_is_trained_saved_and_loaded(make, tmp_path):
    keras.utils.set_random_seed(0)
    model = translator(make())
    loss = train(model)
    assert train(model) < loss
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    inputs = [texts(), texts()[:, :STEPS]]
    for found, expected in zip(
        loaded.predict_on_batch(inputs), model.predict_on_batch(inputs), strict=True
    ):
        np.testing.assert_array_equal(found, expected)
    for one, other in zip(loaded.layers, model.layers, strict=True):
        assert json.dumps(one.get_config()) == json.dumps(other.get_config())


@pytest.mark.parametrize("options", [{}, {"kind": "lstm", "start": "encoder"}])
def test_a_decoder_keeps_its_options(options):
    attention = layers.LocalAttention(2, "predicted", units=5)
    decoder = layers.AttentionDecoder(VOCABULARY, attention, units=SIZE, **options)
    tokens = texts()[:, :STEPS]
    logits, weights = decoder(tokens, padded_values(), MASK)
    assert logits.shape == (BATCH, STEPS, VOCABULARY)
    assert not np.asarray(weights)[~np.repeat(MASK[:, None], STEPS, axis=1)].any()
    other = layers.AttentionDecoder.from_config(decoder.get_config())
    other(tokens, padded_values(), MASK)
    other.set_weights(decoder.get_weights())
    np.testing.assert_array_equal(other(tokens, padded_values(), MASK)[0], logits)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: layers.LuongAttention(score="cosine"), "score must be one of"),
        (lambda: layers.LuongAttention(score="concat"), "needs units"),
        (lambda: layers.LocalAttention(2, "middle"), "centre must be one of"),
        (lambda: layers.LocalAttention(2, "predicted"), "needs units"),
        (lambda: layers.TransformerBlock(6, 4, 8), "num_heads must divide"),
        (
            lambda: layers.LuongAttention(score="dot")(numbers(2, 3), numbers(2, 4, 5)),
            "of one size, got 3 and 5",
        ),
        (
            lambda: layers.AttentionDecoder(9, layers.LuongAttention(), kind="pooling"),
            "kind must be one of",
        ),
    ],
)
def test_errors_name_the_argument(make, message):
    with pytest.raises(ValueError, match=message):
        make()


@needs_jax
def test_jax_computes_and_learns_the_same(root, tmp_path):
    found = run_on_jax(root, "tests.layer_probe", tmp_path / "results.npz")
    expected = probe()
    assert found.keys() == expected.keys()
    for name, value in expected.items():
        np.testing.assert_allclose(found[name], value, atol=3e-4, err_msg=name)
