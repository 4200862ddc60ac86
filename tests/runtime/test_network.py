"""The runtime's numbers are those of the Keras model, for every kind of network."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import onnx
import pytest
from keras import ops

from asr.config.parsing import from_dict
from asr.config.schema import ModelConfig
from asr.runtime.decoder import rescore_graph, step_graph
from asr.runtime.encoder import encoder_graph
from asr.runtime.frontend import LogMel
from asr.storage.keras_model import build, network_of
from asr.storage.model_folder import read_model
from asr.tasks import TASKS
from asr.text.special_tokens import END
from asr.text.tokenizers import CharacterTokenizer, LabelTokenizer

TOLERANCE = 1e-4
SMALL = {
    "frontend": {"mels": 16},
    "text": {"embedding": 12},
    "encoder": {"layers": 2, "units": 8, "filters": 10, "memory_units": 12},
    "decoder": {"units": 12, "embedding": 6},
    "attention": {"units": 8, "location_filters": 3, "location_width": 5, "heads": 2},
}
TEXT = {"encoder": {"convolutions": 1, "stride": 1, "memory_stride": 1}, "ctc": False}
KINDS = {
    "bahdanau": {},
    "phones": {"phones": ["A", "B", "C"]},
    "no location": {"attention": {"location_filters": 0}},
    "even kernel": {"encoder": {"kernel": 4, "stride": 3}},
    "luong dot": {"attention": {"kind": "luong", "score": "dot"}},
    "luong general": {"attention": {"kind": "luong", "score": "general"}},
    "luong concat": {"attention": {"kind": "luong", "score": "concat"}},
    "local monotonic": {"attention": {"kind": "local", "centre": "monotonic"}},
    "local predicted": {"attention": {"kind": "local", "centre": "predicted"}},
    "local previous": {"attention": {"kind": "local", "window": 2}},
    "multi-head": {"attention": {"kind": "multi_head"}},
    "cho": {"attention": {"kind": "cho"}},
    "sutskever": {"attention": {"kind": "sutskever"}, "decoder": {"start": "encoder"}},
    "lstm": {"encoder": {"kind": "lstm"}, "decoder": {"kind": "lstm"}},
    "lstm, from the encoder's state": {
        "encoder": {"kind": "lstm", "memory_units": 0},
        "decoder": {"kind": "lstm", "start": "encoder"},
    },
    "from the encoder's state": {"decoder": {"start": "encoder"}},
    "filters, no norms": {
        "encoder": {"filters": [6, 10], "norms": False, "memory_units": 0},
    },
    "self-attention, no norms": {
        "encoder": {"kind": "self", "norms": False, "memory_units": 0},
    },
    "hard": {"attention": {"kind": "hard"}},
    "self-attention": {"encoder": {"kind": "self", "heads": 2}},
    "tied": {"decoder": {"tied": True}},
    "no ctc": {"ctc": False},
    "text": TEXT,
    "copying": TEXT | {"decoder": {"copy": True}},
    "text, self-attention": TEXT | {"encoder": TEXT["encoder"] | {"kind": "self"}},
}


def merged(base, over):
    both = dict(base)
    for key, value in over.items():
        nested = isinstance(value, dict)
        both[key] = merged(base.get(key, {}), value) if nested else value
    return both


def made(kind):
    """A Keras model with random weights, and its runtime."""
    tree = KINDS[kind] if isinstance(kind, str) else kind
    config = from_dict(ModelConfig, merged(SMALL, tree), "model")
    text = not config.ctc and config.encoder.stride == 1
    tokenizer = CharacterTokenizer(tuple(" ABCDEF"))
    name = "translation" if text else "speech_recognition"
    if config.decoder.kind == "pooling":
        name, tokenizer = "classification", LabelTokenizer(("one", "two", "three"))
    task = TASKS[name](tokenizer, config, "none-1")
    model = build(task)
    random = np.random.default_rng(3)
    for weight in model.weights:
        if weight.dtype == "float32":
            spread = 0.5 if len(weight.shape) > 1 else 0.2
            weight.assign(spread * random.normal(size=weight.shape))
    return model, network_of(model, task)


def sources_for(network, random):
    if network.text:
        return [random.integers(3, 10, size) for size in (9, 5)]
    return [0.1 * random.normal(size=size).astype("float32") for size in (5000, 3333)]


def padded(sources):
    lengths = np.array([len(it) for it in sources], "int32")
    rows = np.zeros((len(sources), lengths.max()), "float32")
    for row, source in zip(rows, sources, strict=True):
        row[: len(source)] = source
    return rows, lengths


def log_softmax(logits):
    return np.asarray(ops.log_softmax(logits, axis=-1))


@pytest.mark.parametrize("kind", KINDS)
def test_numbers_are_those_of_keras(kind):
    model, network = made(kind)
    random = np.random.default_rng(5)
    sources = sources_for(network, random)
    rows, sizes = padded(sources)
    encoded = model.encoder(*model.frontend(rows, sizes))
    found = network.encode(sources, phone_prior=0.7)
    np.testing.assert_array_equal(found.memory_lengths, encoded.memory_lengths)
    if "ctc" not in model.heads:
        assert found.ctc is None
    else:
        ctc = log_softmax(model.heads["ctc"](encoded.states))
        lengths = np.asarray(encoded.state_lengths)
        np.testing.assert_array_equal(found.state_lengths, lengths)
        for row, length in enumerate(lengths):
            real = row, slice(length)
            np.testing.assert_allclose(found.ctc[real], ctc[real], atol=TOLERANCE)
    if "phones" in model.heads:
        head = model.heads["phones"]
        phones = log_softmax(head(encoded.states) - 0.7 * head.log_prior)
        np.testing.assert_allclose(found.phones, phones, atol=TOLERANCE)
    # Steps, and the same tokens in one scan; Keras reads one hypothesis of each source.
    tokens = random.integers(3, 9, (2, 3, 4))
    tokens[..., 0] = 1
    labels = np.roll(tokens, -1, axis=-1)
    scores, weights, _ = network.rescore(tokens, labels, found)
    inputs = {"source": rows, "source_lengths": sizes}
    outputs = [
        model({**inputs, "tokens": tokens[:, k].astype("int32")}) for k in range(3)
    ]
    theirs = np.stack([log_softmax(one["logits"]) for one in outputs], axis=1)
    attended = np.stack([one["weights"] for one in outputs], axis=1)
    np.testing.assert_allclose(weights, attended, atol=TOLERANCE)
    state = network.initial_state(found, 3)
    for step in range(4):
        expected = theirs[:, :, step]
        log_probs, seen, state = network.step(tokens[..., step], state, found)
        np.testing.assert_allclose(log_probs, expected, atol=TOLERANCE)
        picked = np.take_along_axis(expected, labels[..., step, None], -1)[..., 0]
        np.testing.assert_allclose(scores[..., step], picked, atol=TOLERANCE)
        np.testing.assert_allclose(weights[..., step, :], seen, atol=1e-6)


def test_pooling():
    tree = {"decoder": {"kind": "pooling"}, "ctc": False}
    model, network = made(tree)
    sources = sources_for(network, np.random.default_rng(6))
    rows, sizes = padded(sources)
    tokens = np.ones((2, 1), "int32")
    outputs = model({"source": rows, "source_lengths": sizes, "tokens": tokens})
    found = network.encode(sources).memory
    expected = log_softmax(outputs["logits"])
    np.testing.assert_allclose(found["log_probs"], expected, atol=TOLERANCE)
    np.testing.assert_allclose(found["weights"], outputs["weights"], atol=TOLERANCE)


def test_labels():
    tree = TEXT | {"decoder": {"kind": "labels", "labels": 9}}
    tree["encoder"] = TEXT["encoder"] | {"convolutions": 0}
    model, network = made(tree)
    sources = sources_for(network, np.random.default_rng(6))
    rows, sizes = padded(sources)
    tokens = np.ones(rows.shape, "int32")
    outputs = model({"source": rows, "source_lengths": sizes, "tokens": tokens})
    encoded = network.encode(sources)
    expected = log_softmax(outputs["logits"])
    assert expected.shape == (2, 9, 9)
    for row, size in enumerate(sizes):
        found = encoded.memory["log_probs"][row, :size]
        np.testing.assert_allclose(found, expected[row, :size], atol=TOLERANCE)
        alone = network.row(encoded, row)
        np.testing.assert_array_equal(alone.memory["log_probs"][0], found)
    state = network.initial_state(encoded, 1)
    for place in range(10):
        log_probs, seen, state = network.step(tokens[:, :1], state, encoded)
        for row, size in enumerate(sizes):
            if place < size:
                found = encoded.memory["log_probs"][row, place]
                np.testing.assert_array_equal(log_probs[row, 0], found)
                weights = outputs["weights"][row, place]
                np.testing.assert_array_equal(seen[row, 0], weights)
            else:
                assert log_probs[row, 0].argmax() == END
    seen = network.attention(sources[0], [1] * 4)
    np.testing.assert_array_equal(seen, np.eye(4, 9))


def test_neighbours_and_padding_do_not_matter():
    _, network = made("phones")
    sources = sources_for(network, np.random.default_rng(7))
    together = network.encode(sources)
    for row, source in enumerate(sources):
        alone = network.encode([source])
        frames = alone.ctc.shape[1]
        found = together.ctc[row, :frames]
        np.testing.assert_allclose(found, alone.ctc[0], atol=1e-5)


@pytest.mark.parametrize("kind", KINDS)
def test_one_source_of_a_batch(kind):
    _, network = made(kind)
    sources = sources_for(network, np.random.default_rng(8))
    tokens = np.array([[[1, 4, 5]]])
    together = network.encode(sources)
    for row, source in enumerate(sources):
        found = network.rescore(tokens, tokens, network.row(together, row))
        alone = network.rescore(tokens, tokens, network.encode([source]))
        np.testing.assert_allclose(found.scores, alone.scores, atol=1e-4)


@pytest.mark.parametrize("kind", ["phones", "local previous", "copying", "hard"])
def test_graphs_are_valid_onnx(kind):
    _, network = made(kind)
    for make in (
        lambda: encoder_graph(network.config, network.weights, text=network.text),
        lambda: step_graph(network.config, network.weights),
        lambda: rescore_graph(network.config, network.weights),
    ):
        onnx.checker.check_model(make().model(), full_check=True)


def test_frontend_is_that_of_keras():
    config = ModelConfig().frontend
    model, _ = made({"frontend": {"mels": 80}})
    samples = 0.1 * np.random.default_rng(8).normal(size=16000).astype("float32")
    samples[4000:6000] = 0.0
    for part in (samples, samples[:161], samples[:399]):
        expected, _ = model.frontend(part[None], np.array([len(part)], "int32"))
        found = LogMel(replace(config, mels=80))(part)
        np.testing.assert_allclose(found, np.asarray(expected)[0], atol=TOLERANCE)


def test_silent_bands_are_those_of_keras():
    """Their variance is 0: an error of their mean would be made 300 times larger."""
    model, _ = made({"frontend": {"mels": 80}})
    samples = np.zeros(40 * 16000 + 77, np.float32)
    features, _ = model.frontend(samples[None], np.array([len(samples)], "int32"))
    np.testing.assert_allclose(np.asarray(features), 0.0, atol=TOLERANCE)


def test_shipped_models_load(root):
    for name in ("english", "en-fr", "title"):
        folder = root / "data" / "models" / name
        network = read_model(folder).network
        source = np.arange(3, 9) if network.text else np.zeros(1600, "float32")
        assert np.isfinite(network.encode([source]).memory["memory_values"]).all()
