"""LiteRT files: the example of the README, and numbers like those of the runtime."""

from __future__ import annotations

import numpy as np
import pytest

import asr
from asr.errors import ModelError
from asr.runtime.frontend import LogMel
from tests.exported_models import (
    exported,
    sources_of,
    write_random_model,
)

tf = pytest.importorskip("tensorflow", reason="the conversion needs TensorFlow")
pytestmark = pytest.mark.filterwarnings("ignore:.*tf.lite.Interpreter is deprecated")


def runner(path):
    return tf.lite.Interpreter(str(path)).get_signature_runner()


def test_numbers_are_ours(tmp_path):
    folder, loaded = exported({"phones": ["A", "B"]}, "litert", tmp_path)
    network = loaded.network
    encoder, decoder = (
        runner(folder / f"{it}.tflite") for it in ("encoder", "decoder")
    )
    source, _ = sources_of(loaded)
    for size in (len(source), 3000):  # the encoder takes any length
        found = network.encode([source[:size]])
        features = LogMel(loaded.config.model.frontend)(source[:size])[None]
        lengths = np.array([features.shape[1]], "int32")
        values = encoder(features=features, lengths=lengths)
        np.testing.assert_allclose(values["ctc"], found.ctc, atol=1e-4)
        memory = {name: values[name] for name in ("memory", "memory_lengths")}
        state = network.initial_state(found, 1)
        for token in (1, 4, 5):
            tokens = np.array([[token]], "int32")
            step = decoder(tokens=tokens, **state, **memory)
            expected, _, state = network.step(tokens, state, found)
            np.testing.assert_allclose(step["log_probs"], expected, atol=1e-4)
            hidden = state["hidden"]
            np.testing.assert_allclose(step["next_hidden"], hidden, atol=1e-4)


def test_hard_attention_is_refused(tmp_path):
    tree = {"attention": {"kind": "hard"}}
    write_random_model(tmp_path / "model", tree, keras=True)
    with pytest.raises(ModelError, match="LiteRT lacks operations of the attention ha"):
        asr.export(tmp_path / "model", "litert", tmp_path / "out")
