"""ONNX files: the example of the README, and numbers like those of the runtime."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import onnx
import onnxruntime
import pytest

from asr.config.schema import FrontendConfig
from asr.decoding.beam_search import Tokens
from asr.deployment import examples
from asr.deployment.export import export
from asr.deployment.onnx_files import frontend_graph
from asr.files import model_path
from asr.inference.beam_search_decoder import BeamSearchDecoder
from asr.runtime.frontend import LogMel
from asr.storage.model_folder import read_model
from tests.exported_models import (
    CLASSIFIER,
    LABELLER,
    TEXT,
    greedy_text,
    run_example,
    sources_of,
    write_random_model,
)

KINDS = {
    "speech": {"phones": ["A", "B"]},
    "no location": {"attention": {"location_filters": 0}},
    "luong": {"attention": {"kind": "luong", "score": "general"}},
    "local": {"attention": {"kind": "local", "window": 2}},
    "multi-head": {"attention": {"kind": "multi_head"}},
    "none": {"attention": {"kind": "none"}},
    "hard": {"attention": {"kind": "hard"}},
    "self-attention": {"encoder": {"kind": "self", "heads": 2}},
    "text": TEXT,
    "copying": TEXT | {"decoder": {"copy": True, "tied": True}},
    "classifier": CLASSIFIER,
    "labeller": LABELLER,
}


def run(path, values):
    session = onnxruntime.InferenceSession(path)
    names = [it.name for it in session.get_outputs()]
    used = {it.name: values[it.name] for it in session.get_inputs()}
    return dict(zip(names, session.run(names, used), strict=True))


@pytest.mark.parametrize("kind", KINDS)
def test_the_example_writes_our_text(kind, tmp_path):
    write_random_model(tmp_path / "model", KINDS[kind], keras=False)
    folder = export(tmp_path / "model", "onnx", tmp_path / "out")
    loaded = read_model(tmp_path / "model")
    source, text = sources_of(loaded)
    ours = greedy_text(loaded, source)
    assert ours
    assert run_example(folder, source, text) == ours


def test_numbers_are_ours(tmp_path):
    write_random_model(tmp_path / "model", KINDS["speech"], keras=False)
    folder = export(tmp_path / "model", "onnx", tmp_path / "out")
    for path in folder.glob("*.onnx"):
        onnx.checker.check_model(onnx.load(path), full_check=True)
    network = read_model(tmp_path / "model").network
    source, _ = sources_of(read_model(tmp_path / "model"))
    found = network.encode([source, source[:4000]], phone_prior=0.5)
    samples = np.stack([source, source])  # the second has noise behind its end
    values = {"samples": samples, "sample_lengths": np.array([len(source), 4000])}
    values |= run(folder / "frontend.onnx", values)
    values |= run(folder / "encoder.onnx", values)
    np.testing.assert_array_equal(values["state_lengths"], found.state_lengths)
    for row, length in enumerate(found.state_lengths):
        real = row, slice(length)
        np.testing.assert_allclose(values["ctc"][real], found.ctc[real], atol=1e-4)
    stored = json.loads((folder / "phones.json").read_text())
    logits = values["phone_logits"] - 0.5 * np.array(stored["log_prior"])
    logits -= np.log(np.exp(logits).sum(axis=-1, keepdims=True))
    np.testing.assert_allclose(logits[0], found.phones[0], atol=1e-4)
    tokens = np.array([[1, 4], [1, 5]])
    state = network.initial_state(found, 2)
    expected, _, _ = network.step(tokens, state, found)
    step = run(folder / "decoder.onnx", {**values, **state, "tokens": tokens})
    np.testing.assert_allclose(step["log_probs"], expected, atol=1e-4)


@pytest.mark.parametrize(
    "config",
    [FrontendConfig(), FrontendConfig(8000, 20, 25.1, 8.0), FrontendConfig(11025, 30)],
)
def test_frontend_is_that_of_the_runtime(config):
    random = np.random.default_rng(1)
    samples = 0.1 * random.normal(size=(1, 20000)).astype("float32")
    samples[0, 7000:9000] = 0.0
    session = onnxruntime.InferenceSession(frontend_graph(config).model())
    for size in (20000, 4321, 100):
        part = {"samples": samples[:, :size], "sample_lengths": np.array([size])}
        features, lengths = session.run(None, part)
        expected = LogMel(config)(samples[0, :size])
        assert lengths == [len(expected)]
        np.testing.assert_allclose(features[0], expected, atol=1e-4)


def test_the_example_of_ctc_alone(tmp_path):
    write_random_model(tmp_path / "model", {}, keras=False)
    loaded = read_model(tmp_path / "model")
    config = replace(loaded.config.decoding, ctc_weight=1.0)
    loaded = replace(loaded, config=replace(loaded.config, decoding=config))
    folder = export(tmp_path / "model", "onnx", tmp_path / "out")
    page = f"```python\n{examples.onnx(loaded)}```"
    (folder / "README.md").write_text(page)
    source, text = sources_of(loaded)
    encoded = loaded.network.encode([source])
    best = encoded.ctc_rows()[0].argmax(-1).tolist()
    kept = [b for a, b in zip([0, *best], best, strict=False) if b != a]
    assert run_example(folder, source, text) == loaded.task.decode(
        [token for token in kept if token > 2]
    )


def test_the_bundled_translator_translates(tmp_path):
    folder = export("en-fr", "onnx", tmp_path / "out")
    loaded = read_model(model_path("en-fr"))
    text = "where is the station ?"
    source = np.array([*loaded.task.encode_target(text), 2])
    config = replace(loaded.config.decoding, beam_size=1, length_penalty=0.0)
    special = Tokens(loaded.task.start, loaded.task.end)
    search = BeamSearchDecoder(loaded.network, special, config)
    found = search.hypotheses([source])
    ours = loaded.task.decode(found.tokens[0, 0, : found.lengths[0, 0]].tolist())
    assert run_example(folder, source, text) == ours
