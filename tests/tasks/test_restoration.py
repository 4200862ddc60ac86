"""Restoration: a tiny training learns case and punctuation."""

from __future__ import annotations

import json
import random

import numpy as np
import pytest

import asr
from asr.config.schema import ModelConfig, TextConfig
from asr.data.pairs import Pair
from asr.tasks.restoration import LABELS, Restoration
from asr.text.sentencepiece import train_subwords
from asr.text.special_tokens import END

RECIPE = """
name: tiny-restoration
task: restoration
data:
  train: [{path: text.txt, corpus: running_text}]
  dev: [{path: dev.txt, corpus: running_text}]
  normalizer: lower-1
  tokenizer: unigram
  pieces: 60
  batch_length: 1500
  longest: 390
  ascending_epochs: 0
augment: {speeds: [1.0], frequency_masks: 0, time_masks: 0}
model:
  ctc: false
  text: {embedding: 16, dropout: 0}
  encoder:
    {convolutions: 0, layers: 1, units: 16, memory_units: 16, memory_stride: 1,
     dropout: 0}
  decoder: {kind: labels, dropout: 0}
train: {epochs: 12, learning_rate: 2e-2, warmup_steps: 10, label_smoothing: 0, ema: 0,
        ctc_weight: 0, tensorboard: false}
decoding: {beam_size: 1, ctc_weight: 0}
"""
PARTS = [
    "Yes, Anna saw the NASA base.",
    "Where is Paul?",
    "He has an iPhone in Rome.",
    "What did Anna see?",
    "Well, the base is here.",
]


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    folder = tmp_path_factory.mktemp("restoration")
    chance = random.Random(1)
    for name, count in (("text.txt", 1500), ("dev.txt", 200)):
        lines = (" ".join(chance.choices(PARTS, k=2)) for _ in range(count))
        (folder / name).write_text("\n".join(lines))
    (folder / "recipe.yaml").write_text(RECIPE)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ASR_DATA", str(folder))
        return asr.train(asr.load_recipe(folder / "recipe.yaml"), folder / "run")


def test_training_learns(model):
    history = (model.parent / "history.jsonl").read_text().splitlines()
    last = json.loads(history[-1])
    assert last["dev_marks_f1"] > 0.95
    assert last["dev_case_f1"] > 0.95
    restorer = asr.load_text(model)
    text = " ".join(PARTS)
    heard = text.upper().translate(str.maketrans("", "", ".,?"))
    assert restorer.restore(heard) == text
    assert restorer.restore(heard.lower()) == text


TOKENIZER = train_subwords(["how are you", "i am here now"] * 4, "unigram", 40)


def made(longest):
    config = ModelConfig(text=TextConfig(longest=longest))
    return Restoration(TOKENIZER, config, "lower-1")


@pytest.fixture
def task():
    return made(400)


def test_labels_stand_at_the_last_subword(task):
    labels = task.encode_target("How, I")
    pieces = task.source_tokens("how i")
    assert len(labels) == len(pieces) - 1
    assert pieces[-1] == END
    marked = [LABELS[label - 3] for label in labels if label]
    assert marked == [("title", ","), ("title", "")]
    count = len(task.subwords["how"])
    assert np.flatnonzero(labels).tolist() == [count - 1, len(labels) - 1]
    assert task.decode(labels) == "- " * (count - 1) + "title, " + (
        "- " * (len(labels) - count - 1) + "title"
    )


def test_long_sources_and_targets_are_cut_alike():
    task = made(8)
    text = "how are you now " * 9
    source = task.encode_source(Pair(text, text))
    assert len(source) == 8
    assert len([*task.encode_target(text), END]) == 8


def test_metrics(task):
    reference = "How are you? I am here, now."
    exact = task.decode(task.encode_target(reference))
    assert task.metrics([reference], [exact]) == {"marks_f1": 1.0, "case_f1": 1.0}
    # One mark of three is wrong, and there is one capital more than the two.
    other = exact.replace("lower,", "title.")
    assert task.metrics([reference], [other]) == {"marks_f1": 4 / 6, "case_f1": 4 / 5}
    assert task.cost({"marks_f1": 0.5, "case_f1": 1.0}) == -0.75


def test_spellings(task):
    records = [Pair("", "The iPhone, IPhone iPhone. McDonald OK")] * 4
    assert task.spellings(records) == ("McDonald", "iPhone")


def test_more_marks_than_one_are_the_first(task):
    assert task.encode_target("Really?! I") == task.encode_target("Really? I")
