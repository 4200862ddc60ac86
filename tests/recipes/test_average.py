"""`recipes/average.py`: the mean of models."""

from __future__ import annotations

import json
import shutil

import numpy as np
from click.testing import CliRunner

import asr
from asr.files import WEIGHTS, model_path
from asr.storage.model_folder import TOKENIZER, read_config, write_model
from asr.storage.weights import read_arrays
from tests.script_module import script_module

average = script_module("average.py")


def test_the_mean_lies_between(tiny_run, tmp_path):
    model, other, output = tiny_run / "model", tmp_path / "other", tmp_path / "mean"
    before = read_arrays(model / WEIGHTS)
    write_model(
        other,
        read_config(model),
        tokenizer=json.loads((model / TOKENIZER).read_text()),
        weights={k: v * 3 if v.dtype.kind == "f" else v for k, v in before.items()},
        card="another",
    )
    result = CliRunner().invoke(
        average.main, [str(model), str(other), "--output", str(output)]
    )
    assert (result.exit_code, result.output) == (0, "")
    after = read_arrays(output / WEIGHTS)
    assert before.keys() == after.keys()
    for name, array in before.items():
        if array.dtype.kind == "f":
            assert after[name].dtype == np.float16
            np.testing.assert_allclose(after[name], 2 * array, rtol=1e-3, atol=1e-6)
        else:
            np.testing.assert_array_equal(after[name], array)
    assert (output / TOKENIZER).read_bytes() == (model / TOKENIZER).read_bytes()


def test_a_model_is_the_mean_of_itself(tiny_run, tones, tmp_path):
    model, mean = tmp_path / "model", tmp_path / "mean"
    shutil.copytree(tiny_run / "model", model)
    (model / "README.md").unlink()  # a card is not needed
    average.average([model, model], mean)
    one, two = (
        asr.load(folder).transcribe(tones / "clip00.wav", vad=False).text
        for folder in (model, mean)
    )
    assert one == two


def test_a_gate_that_the_start_lacks(tmp_path):
    copying, start, mean = model_path("title"), tmp_path / "start", tmp_path / "mean"
    weights = read_arrays(copying / WEIGHTS)
    write_model(
        start,
        read_config(copying),
        tokenizer=json.loads((copying / TOKENIZER).read_text()),
        weights={k: v for k, v in weights.items() if "gate" not in k},
        card="without",
    )
    average.average([copying, copying, start], mean)
    after = read_arrays(mean / WEIGHTS)
    assert after.keys() == weights.keys()
    for name, array in weights.items():
        np.testing.assert_array_equal(after[name], array)


def test_models_of_two_kinds(tiny_run, tiny_text_run, tmp_path):
    model = str(tiny_run / "model")
    texts = str(tiny_text_run / "model")
    result = CliRunner().invoke(average.main, [model, texts, "-o", str(tmp_path / "m")])
    assert result.exit_code == 1
    assert "must have the shapes and tokenizer of" in result.output
    shutil.copytree(model, tmp_path / "bad")
    (tmp_path / "bad" / TOKENIZER).write_text("spoilt")
    result = CliRunner().invoke(
        average.main, [model, str(tmp_path / "bad"), "-o", str(tmp_path / "m")]
    )
    assert "damaged" in result.output
