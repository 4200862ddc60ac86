"""A training that is killed goes on as if nothing had happened."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

from asr.run_state import CHECKPOINT, MODEL

ROOT = Path(__file__).resolve().parent.parent

# Everything random that a recipe knows is on, and the average is taken early.
RANDOM = [
    "train.epochs=3", "train.ema=0.9", "train.accumulate=2", "data.batch_seconds=1.5",
    "train.schedule=cosine", "train.tensorboard=false", "train.label_smoothing=0.1",
    "train.smoothing_start=2", "augment.speeds=[0.9, 1.0, 1.1]", "augment.ramp_steps=5",
    "augment.frequency_masks=2", "augment.time_masks=2", "augment.time_share=0.2",
    "model.encoder.layers=2", "model.encoder.dropout=0.2", "model.decoder.dropout=0.2",
    "model.encoder.recurrent_dropout=0.2", "model.decoder.embedding_dropout=0.2",
    "model.decoder.attention_dropout=0.2", "model.encoder.units=24",
    "model.decoder.units=24", "model.encoder.memory_stride=2",
]  # fmt: skip


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


def test_killed_and_resumed_is_bit_equal(tones, tiny_recipe, tmp_path):
    options = [f"--set={value}" for value in RANDOM]
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    every_step = "--set=train.checkpoint_minutes=0"
    first = start(tones, tiny_recipe, *options, "-o", whole)
    second = start(tones, tiny_recipe, *options, every_step, "-o", killed)
    kill_after(second, killed / CHECKPOINT, 4)
    place = facts(killed)
    assert 0 < place["batch"] < 10  # in the middle of the first epoch
    finish(first)
    third = start(tones, "--resume", killed)
    kill_after(third, killed / CHECKPOINT, 10)
    assert facts(killed)["step"] > place["step"]
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
        for name in expected.keys() - {"h/h", "minutes"}:
            assert found[name] == expected[name], name
    left = {path.name for path in killed.iterdir()}
    assert left == {path.name for path in whole.iterdir()}
