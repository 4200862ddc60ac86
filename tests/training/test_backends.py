"""The same weights mean the same on TensorFlow and on JAX."""

from __future__ import annotations

import keras
import numpy as np
import pytest

from asr.model.attention_variants import ATTENTIONS
from tests import backend_probe
from tests.jax_process import needs_jax, run_on_jax

pytestmark = needs_jax


@pytest.fixture(scope="module")
def weights():
    keras.utils.set_random_seed(6)
    random = np.random.default_rng(6)
    return {
        weight.path: np.asarray(weight)
        + 0.1 * random.normal(size=weight.shape) * weight.trainable
        for weight in backend_probe.build().weights
    }


@pytest.fixture(scope="module")
def on_tensorflow(weights):
    assert keras.backend.backend() == "tensorflow"
    return backend_probe.probe(weights)


@pytest.fixture(scope="module")
def on_jax(weights, root, tmp_path_factory):
    folder = tmp_path_factory.mktemp("jax")
    np.savez(folder / "weights.npz", **weights)
    files = folder / "weights.npz", folder / "results.npz"
    return run_on_jax(root, "tests.backend_probe", *files)


def part(results, prefix):
    return {name: value for name, value in results.items() if name.startswith(prefix)}


def test_teacher_forced_outputs(on_tensorflow, on_jax):
    expected, found = part(on_tensorflow, "output/"), part(on_jax, "output/")
    assert expected.keys() == found.keys()
    assert {"output/logits", "output/ctc_logits", "output/weights"} <= expected.keys()
    for name, value in expected.items():
        np.testing.assert_allclose(found[name], value, atol=1e-4, err_msg=name)


@pytest.mark.parametrize("kind", ATTENTIONS)
def test_attentions(on_tensorflow, on_jax, kind):
    name = f"attention/{kind}"
    assert np.ptp(on_tensorflow[name]) > 0.1
    np.testing.assert_allclose(on_jax[name], on_tensorflow[name], atol=1e-4)


def test_texts(on_tensorflow, on_jax):
    names = [name for name in on_tensorflow if name.startswith("texts/")]
    assert len(names) > 20
    for name in names:
        expected, found = on_tensorflow[name], on_jax[name]
        np.testing.assert_allclose(found, expected, atol=1e-4, err_msg=name)


def test_a_training_step(weights, on_tensorflow, on_jax):
    np.testing.assert_allclose(on_jax["loss"], on_tensorflow["loss"], atol=1e-4)
    expected, found = part(on_tensorflow, "trained/"), part(on_jax, "trained/")
    assert expected.keys() == found.keys()
    for name, value in expected.items():
        np.testing.assert_allclose(found[name], value, atol=1e-4, err_msg=name)
        before = weights[name.removeprefix("trained/")]
        assert np.abs(value - before).max() > 1e-6, f"{name} did not move"
