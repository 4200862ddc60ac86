"""SavedModel: the example of the README, and numbers like those of the runtime."""

from __future__ import annotations

import numpy as np
import pytest

import asr
from asr.errors import UsageError
from tests.exported_models import (
    CLASSIFIER,
    TEXT,
    exported,
    greedy_text,
    sources_of,
    write_random_model,
)

tf = pytest.importorskip("tensorflow", reason="a SavedModel needs TensorFlow")

KINDS = {
    "speech": {"phones": ["A", "B"]},
    "multi-head, none": {
        "encoder": {"kind": "self", "heads": 2},
        "attention": {"kind": "none"},
    },
    "copying": TEXT | {"decoder": {"copy": True, "tied": True}},
    "classifier": CLASSIFIER,
}


@pytest.mark.parametrize("kind", KINDS)
def test_numbers_are_ours(kind, tmp_path):
    folder, loaded = exported(KINDS[kind], "savedmodel", tmp_path)
    saved, network = tf.saved_model.load(folder), loaded.network
    source, _ = sources_of(loaded)
    sources = [source, source[: len(source) // 2]]
    found = network.encode(sources)
    rows = np.zeros((2, len(source)), "int32" if network.text else "float32")
    for row, one in zip(rows, sources, strict=True):
        row[: len(one)] = one
    lengths = np.array([len(one) for one in sources], "int32")
    given = {"source": tf.constant(rows), "source_lengths": tf.constant(lengths)}
    values = saved.signatures["encode"](**given)
    if kind == "classifier":
        expected = found.memory["log_probs"]
        np.testing.assert_allclose(values["log_probs"], expected, atol=1e-4)
        return
    for row, count in enumerate(found.ctc_rows()):
        ours = values["ctc"][row, : len(count)]
        np.testing.assert_allclose(ours, count, atol=1e-4)
    tokens = np.array([[1, 4], [1, 5]], "int32")
    state = network.initial_state(found, 2)
    inputs = {name: values[name] for name in ("memory", "memory_lengths")}
    inputs |= {name: tf.constant(value) for name, value in state.items()}
    if kind == "copying":
        inputs["source"] = tf.constant(rows)
    step = saved.signatures["step"](tokens=tf.constant(tokens), **inputs)
    expected, _, after = network.step(tokens, state, found)
    np.testing.assert_allclose(step["log_probs"], expected, atol=1e-4)
    np.testing.assert_allclose(step["next_context"], after["context"], atol=1e-4)
    texts = saved.greedy(given["source"], given["source_lengths"])
    for row, one in enumerate(sources):
        text = texts["tokens"][row, : texts["lengths"][row]].numpy()
        assert loaded.task.decode(text.tolist()) == greedy_text(loaded, one)


def test_another_backend_is_refused(tmp_path, monkeypatch):
    import keras

    write_random_model(tmp_path / "model", TEXT, keras=True)
    monkeypatch.setattr(keras.backend, "backend", lambda: "jax")
    with pytest.raises(UsageError, match="needs Keras on TensorFlow, got jax; unset"):
        asr.export(tmp_path / "model", "savedmodel", tmp_path / "out")
