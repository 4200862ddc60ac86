"""A training that is killed goes on as if nothing had happened, bit by bit."""

from __future__ import annotations

import dataclasses
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from asr.config.loading import load_recipe
from asr.config.schema import Recipe
from asr.storage.keras_model import build
from asr.tasks.speech_recognition import SpeechRecognition
from asr.text.tokenizers import CharacterTokenizer
from asr.training import trainer
from asr.training.checkpoint import save_state
from asr.training.optimizers import build_optimizer
from asr.training.run_folder import CHECKPOINT, MODEL, load_run_recipe
from asr.training.strategies import connect
from asr.training.train import begin, resume, train

ROOT = Path(__file__).resolve().parents[2]

# Everything random that a recipe knows is on, and the average is taken early.
RANDOM = [
    "train.epochs=3", "train.ema=0.9", "train.accumulate=2", "data.batch_length=1.5",
    "train.schedule=cosine", "train.tensorboard=false", "train.label_smoothing=0.1",
    "train.smoothing_start=2", "augment.speeds=[0.9, 1.0, 1.1]", "augment.ramp_steps=5",
    "augment.frequency_masks=2", "augment.time_masks=2", "augment.time_share=0.2",
    "model.encoder.layers=2", "model.encoder.dropout=0.2", "model.decoder.dropout=0.2",
    "model.decoder.embedding_dropout=0.2", "model.decoder.attention_dropout=0.2",
    "model.encoder.units=24", "model.decoder.units=24", "model.encoder.memory_stride=2",
]  # fmt: skip

BATCHES = 11  # in the first epoch: odd, so that it ends in half an update


def start(tones: Path, *arguments: object) -> subprocess.Popen[str]:
    environment = os.environ | {"ASR_DATA": str(tones), "KERAS_BACKEND": "tensorflow"}
    return subprocess.Popen(
        [sys.executable, "-m", "asr", "train", *map(str, arguments)],
        env=environment, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        text=True,
    )  # fmt: skip


def finish(process: subprocess.Popen[str]) -> str:
    out, err = process.communicate(timeout=400)
    assert process.returncode == 0, err
    return out


def kill_after(process: subprocess.Popen[str], path: Path, checkpoints: int) -> None:
    """Kill when a checkpoint has been written so many times."""
    seen: set[int] = set()
    while len(seen) < checkpoints:
        assert process.poll() is None, process.communicate()[1]
        if path.is_file():
            seen.add(path.stat().st_mtime_ns)
        time.sleep(0.002)
    process.send_signal(signal.SIGKILL)
    process.communicate()


def arrays(path: Path) -> dict[str, np.ndarray]:
    with np.load(path) as stored:
        return {name: stored[name] for name in stored.files}


def facts(folder: Path) -> dict:
    return json.loads(arrays(folder / CHECKPOINT)["facts"].tobytes())["progress"]


def test_no_gradient_is_a_sum_of_three():
    """TensorFlow adds three tensors in an order that depends on timing."""
    recipe = Recipe()
    small = [{"units": 8}, {"units": 8, "layers": 2}]
    config = dataclasses.replace(
        recipe.model,
        attention=dataclasses.replace(recipe.model.attention, **small[0]),
        decoder=dataclasses.replace(
            recipe.model.decoder, attention_dropout=0.1, **small[0]
        ),
        encoder=dataclasses.replace(recipe.model.encoder, **small[1]),
    )
    task = SpeechRecognition(CharacterTokenizer(("A", "B")), config, "none-1")
    strategy = connect()
    model = build(task, augment=recipe.augment)
    model.compile(optimizer=build_optimizer(recipe.train, 100))
    model.optimizer.build(model.trainable_variables)
    strategy.attach(model)
    shapes = {"source": 2, "source_lengths": 1, "tokens": 2}
    inputs = {
        name: tf.TensorSpec([None] * rank, "float32" if name == "source" else "int32")
        for name, rank in shapes.items()
    }
    targets = {
        "labels": tf.TensorSpec([None, None], "int32"),
        "label_lengths": tf.TensorSpec([None], "int32"),
    }
    step = tf.function(strategy._train)
    graph = step.get_concrete_function(inputs, targets, 0, 2).graph.as_graph_def()
    nodes = [*graph.node, *(n for f in graph.library.function for n in f.node_def)]
    sums = [node for node in nodes if node.op == "AddN"]
    assert sums
    assert not [node.name for node in sums if len(node.input) > 2]
    # The pass that would join sums of two is off; see `SingleStrategy`.
    options = tf.config.optimizer.get_experimental_options()
    assert options["arithmetic_optimization"] is False


def test_the_end_of_an_epoch_changes_no_state(
    tones, tiny_recipe, tmp_path, monkeypatch
):
    """Masks, seeds and half an update are those after the last batch."""
    source, run, states = tmp_path / "tones", tmp_path / "run", []
    shutil.copytree(tones, source)
    monkeypatch.setenv("ASR_DATA", str(source))

    def save(folder, *state):
        save_state(folder, *state)
        states.append((facts(folder), arrays(folder / CHECKPOINT)))

    monkeypatch.setattr(trainer, "save_state", save)
    options = ["train.checkpoint_minutes=0", "train.epochs=1", "augment.speeds=[1.0]"]
    recipe = load_recipe(tiny_recipe, overrides=[*RANDOM, *options])
    begin(recipe, run)
    lines = (source / "clips.jsonl").read_text().splitlines()
    longest = max(map(json.loads, reversed(lines)), key=lambda entry: entry["duration"])
    (source / longest["audio_filepath"]).write_bytes(b"no recording")
    resume(run)  # the last batch is the longest clip, which cannot be read
    (before, last), (after, closed) = states[-2:]
    assert (before["epoch"], before["step"]) == (0, 9)
    assert (after["epoch"], after["step"]) == (1, 9)
    for name in last.keys() - {"facts"}:
        np.testing.assert_array_equal(closed[name], last[name], err_msg=name)


def test_more_epochs_for_a_finished_run(
    tones, tiny_recipe, tmp_path, monkeypatch, caplog, capsys
):
    monkeypatch.setenv("ASR_DATA", str(tones))
    run = tmp_path / "run"
    options = ["train.epochs=1", "train.tensorboard=false", "train.schedule=cosine"]
    train(load_recipe(tiny_recipe, overrides=options), run)
    little = [r.getMessage() for r in caplog.records if "too little" in r.getMessage()]
    assert little == [
        "16 clips, 0.00 h: too little to train on alone; fine-tune a bundled model "
        "instead: `train.start: english`"
    ]
    caplog.clear()
    resume(run)
    assert f"give `--resume {run} --set train.epochs=2`" in caplog.text
    resume(run, epochs=3)
    history = facts(run)["history"]
    assert [record["epoch"] for record in history] == [1, 2, 3]
    assert load_run_recipe(run).train.epochs == 3
    # The cosine is that of three epochs: its end is 1 % of the peak.
    assert history[-1]["learning_rate"] == pytest.approx(1e-4)
    assert history[1]["learning_rate"] > 2e-3
    assert "too little" not in caplog.text
    shown = capsys.readouterr().err.splitlines()
    lines = [line for line in shown if line.startswith("epoch ")]
    assert lines[-1].startswith("epoch 3/3  ")
    best = facts(run)["best_epoch"]
    assert lines[-1].endswith("best so far" if best == 3 else f"best: epoch {best}")


def test_killed_and_resumed_is_bit_equal(tones, tiny_recipe, tmp_path):
    options = [f"--set={value}" for value in RANDOM]
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    every_step = "--set=train.checkpoint_minutes=0"
    first = start(tones, tiny_recipe, *options, "-o", whole)
    second = start(tones, tiny_recipe, *options, every_step, "-o", killed)
    kill_after(second, killed / CHECKPOINT, 4)
    place = facts(killed)
    assert 0 < place["batch"] < BATCHES - 1  # in the middle of the first epoch
    finish(first)
    third = start(tones, "--resume", killed)
    kill_after(third, killed / CHECKPOINT, BATCHES - place["batch"] + 1)
    # All batches of the epoch are done, the epoch is not closed.
    assert (facts(killed)["epoch"], facts(killed)["batch"]) == (0, BATCHES)
    assert finish(start(tones, "--resume", killed)) == f"{killed / MODEL}\n"

    names = arrays(whole / CHECKPOINT).keys() - {"facts"}
    assert names == arrays(killed / CHECKPOINT).keys() - {"facts"}
    for file in (CHECKPOINT, "model/model.weights.npz"):
        expected, found = arrays(whole / file), arrays(killed / file)
        for name in expected.keys() - {"facts"}:
            np.testing.assert_array_equal(found[name], expected[name], err_msg=name)
    for expected, found in zip(
        facts(whole)["history"], facts(killed)["history"], strict=True
    ):
        for name in expected.keys() - {"rate", "minutes"}:
            assert found[name] == expected[name], name
    left = {path.name for path in killed.iterdir()}
    assert left == {path.name for path in whole.iterdir()}
