"""`docs/model.md` states the shapes and the parameters that the model really has."""

from __future__ import annotations

import re
from pathlib import Path

import keras
import numpy as np
import pytest

from asr.model.frontend import LogMel
from asr.model.seq2seq import Seq2Seq
from asr.storage.model_folder import read_config, read_model

ROOT = Path(__file__).resolve().parent.parent.parent
PAGE = ROOT / "docs" / "model.md"
FOLDER = ROOT / "data" / "models" / "english"
ROW = re.compile(r"^\| `([\w/.]+)` \|.*\| (\([\d, ]+\)) \| ([\d,]*) ?\|$", re.MULTILINE)
SECONDS, TOKENS = 3, 40


@pytest.fixture(scope="module")
def config():
    return read_config(FOLDER)


@pytest.fixture(scope="module")
def model(config):
    frontend = LogMel(config.model.frontend, name="frontend")
    return Seq2Seq(config.model, config.training["vocabulary"], frontend)


def outputs_of_layers(model, inputs):
    """The shape of the first output of every layer, in one run of the model."""
    shapes = {}

    def recorded(layer):
        call = layer.call

        def wrapper(*args, **kwargs):
            outputs = call(*args, **kwargs)
            first = keras.tree.flatten(outputs)[0]
            shapes.setdefault(layer.name, tuple(first.shape))
            return outputs

        return wrapper

    with pytest.MonkeyPatch.context() as patch:
        for layer in model._flatten_layers(include_self=False):
            patch.setattr(layer, "call", recorded(layer))
        outputs = model(inputs)
    return shapes | {name: tuple(value.shape) for name, value in outputs.items()}


def shapes_of_a_step(network, samples, beam):
    """The tensors of one step of the search, with a beam."""
    encoded = network.encode([np.zeros(samples, "float32")])
    state = network.initial_state(encoded, beam)
    log_probs, _, following = network.step(np.ones((1, beam), "int32"), state, encoded)
    shapes = {f"state.{name}": value.shape for name, value in following.items()}
    return shapes | {"step.log_probs": log_probs.shape}


def shapes_of_the_memory(attention, shape):
    """What the attention keeps of a memory (B, S, D) for all steps."""
    memory = attention.prepare(np.zeros(shape, "float32"), np.ones(shape[:2], bool))
    fields = memory._asdict().items()
    return {f"memory.{name}": value.shape for name, value in fields}


def parameters(model):
    """Trainable numbers below each name, such as `encoder` and `encoder/gru_0`."""
    counts = {}
    for weight in model.trainable_weights:
        parts = weight.path.split("/")[:-1]
        for depth in range(1, len(parts) + 1):
            name = "/".join(parts[:depth])
            counts[name] = counts.get(name, 0) + int(np.prod(weight.shape))
    return counts


@pytest.fixture(scope="module")
def page():
    return PAGE.read_text(encoding="utf-8")


def test_shapes_and_parameters_of_every_layer(model, config, page):
    samples = SECONDS * config.model.frontend.rate
    inputs = {
        "source": np.zeros((1, samples), "float32"),
        "source_lengths": np.array([samples], "int32"),
        "tokens": np.ones((1, TOKENS), "int32"),
    }
    shapes = {name: value.shape for name, value in inputs.items()}
    shapes |= outputs_of_layers(model, inputs)
    shapes |= shapes_of_the_memory(model.decoder.attention, shapes["memory"])
    network = read_model(FOLDER).network
    shapes |= shapes_of_a_step(network, samples, config.decoding.beam_size)
    counts = parameters(model)
    rows = ROW.findall(page)
    for name, shape, count in rows:
        assert shape == str(tuple(shapes[name.rpartition("/")[2]])), name
        assert count == (f"{counts[name]:,}" if name in counts else ""), name
    # Tables of the page have rows with nothing else in their first column.
    assert len(rows) == len(re.findall(r"^\| `", page, re.MULTILINE)) > 20


def test_sizes_in_the_text(model, config, page):
    counts = parameters(model)
    total = sum(int(np.prod(weight.shape)) for weight in model.trainable_weights)
    assert f"It has {total:,} trainable parameters" in page
    assert f"the {counts['decoder']:,} parameters of the decoder" in page
    assert f"the attention has {counts['decoder/attention']:,}" in page
    assert f"a beam of K = {config.decoding.beam_size}" in page
    assert f"{SECONDS} s at {config.model.frontend.rate // 1000} kHz" in page
    assert f"{TOKENS} tokens of text" in page
