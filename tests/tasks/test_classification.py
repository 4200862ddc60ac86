"""Classification: one label for a recording."""

from __future__ import annotations

import json

import numpy as np
import pytest
import soundfile

import asr
from asr.config.schema import ModelConfig
from asr.data.manifest import Utterance, write_manifest
from asr.errors import DataError, ModelError
from asr.tasks.speech_recognition import Classification
from asr.text.special_tokens import END
from asr.text.tokenizers import LabelTokenizer, tokenizer_from_json

RECIPE = """
name: tiny-labels
task: classification
data:
  train: [{path: clips.jsonl}]
  dev: [{path: clips.jsonl}]
  tokenizer: labels
  batch_length: 3
augment: {speeds: [1.0], frequency_masks: 0, time_masks: 0}
model:
  frontend: {mels: 24}
  encoder:
    {layers: 1, units: 12, filters: 16, memory_units: 16, memory_stride: 1, dropout: 0}
  decoder: {kind: pooling, dropout: 0}
  attention: {units: 8}
  ctc: false
train: {epochs: 30, learning_rate: 1e-2, warmup_steps: 5, label_smoothing: 0, ema: 0,
        tensorboard: false}
decoding: {beam_size: 2, n_best: 2, ctc_weight: 0, length_ratio: 0, length_extra: 1}
"""


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """A model that separates low from high tones in noise."""
    folder = tmp_path_factory.mktemp("labels")
    random = np.random.default_rng(0)
    clips = []
    for number in range(24):
        label, pitch = ("LOW", 400) if number % 2 else ("HIGH", 2500)
        samples = random.normal(0, 0.005, 8000 + 300 * number)
        start = random.integers(0, len(samples) - 4000)
        time = np.arange(4000) / 16000
        samples[start : start + 4000] += 0.3 * np.sin(2 * np.pi * pitch * time)
        path = folder / f"{number}.wav"
        soundfile.write(path, samples, 16000)
        clips.append(Utterance(path, label, len(samples) / 16000, id=str(number)))
    write_manifest(folder / "clips.jsonl", clips)
    (folder / "recipe.yaml").write_text(RECIPE)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ASR_DATA", str(folder))
        return asr.train(asr.load_recipe(folder / "recipe.yaml"), folder / "run")


def test_training_reaches_high_accuracy(model):
    history = (model.parent / "history.jsonl").read_text().splitlines()
    assert json.loads(history[-1])["dev_accuracy"] > 0.95
    recognizer = asr.load(model)
    for number, label in ((0, "HIGH"), (1, "LOW")):
        found = recognizer.transcribe(model.parent.parent / f"{number}.wav", vad=False)
        assert found.text == label
        assert len(found.alternatives) == 2


def test_weights_are_returned(model):
    recognizer = asr.load(model)
    seen = recognizer.attention(model.parent.parent / "3.wav")
    assert seen.tokens == ("LOW", "</s>")
    np.testing.assert_allclose(seen.weights.sum(axis=1), 1.0, rtol=1e-5)
    np.testing.assert_array_equal(seen.weights[0], seen.weights[1])
    assert np.ptp(seen.weights) > 0.01  # not the plain mean


def test_metrics():
    task = Classification(LabelTokenizer(("NO", "YES")), ModelConfig(), "librispeech-1")
    assert task.metrics(["yes", "no"], ["YES", "YES"]) == {"accuracy": 0.5}
    assert task.cost({"accuracy": 0.75}) == 0.25
    assert task.encode_target("yes") == [4]
    assert task.decode([4, END]) == "YES"
    assert not task.monotonic


def test_labels():
    tokenizer = LabelTokenizer(("b", "a c"))
    assert tokenizer.encode("a c") == [4]
    assert tokenizer.encode("") == []
    assert tokenizer.pieces[3:] == ("b", "a c")
    assert tokenizer_from_json(json.loads(json.dumps(tokenizer.to_json()))) == tokenizer
    with pytest.raises(DataError, match="no label 'c'"):
        tokenizer.encode("c")
    for labels in (("a", "a"), ("",), (1,)):
        with pytest.raises(DataError, match=r"label|listed twice"):
            LabelTokenizer(labels)
        with pytest.raises(ModelError, match=r"tokenizer\.json"):
            tokenizer_from_json({"kind": "labels", "labels": list(labels)})
    with pytest.raises(ModelError, match="not a tokenizer"):
        tokenizer_from_json({"kind": "labels"})
