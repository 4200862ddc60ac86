"""Training on another backend and in mixed precision."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest

from asr.config.loading import load_recipe
from asr.storage.model_folder import read_model
from asr.training import backend
from asr.training.run_folder import MODEL
from asr.training.train import train

ROOT = Path(__file__).resolve().parents[2]

SMALL = [
    "train.epochs=2", "train.tensorboard=false", "data.batch_length=4",
    "model.encoder.units=16", "model.encoder.filters=16", "model.decoder.units=16",
    "model.encoder.dropout=0.1", "model.decoder.dropout=0.1", "train.ema=0.5",
    "augment.frequency_masks=1", "augment.time_masks=1", "train.label_smoothing=0.1",
    "model.attention.units=8", "model.encoder.memory_units=16",
    "model.frontend.mels=16",
]  # fmt: skip


def run(tones: Path, program: list[str], **environment: str) -> str:
    done = subprocess.run(
        [sys.executable, *program],
        env=os.environ | {"ASR_DATA": str(tones)} | environment,
        cwd=ROOT, capture_output=True, text=True, timeout=500, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-4000:]
    return done.stderr


def check(folder: Path) -> None:
    """The model folder is complete, and inference loads and runs it."""
    network = read_model(folder).network
    encoded = network.encode([np.ones(8000, "float32")])
    tokens = np.array([[[1, 4]]])
    scores = network.rescore(tokens, tokens, encoded).scores
    assert np.isfinite(scores).all()
    assert np.isfinite(encoded.ctc).all()


def options(folder: Path, recipe: Path) -> list[str]:
    changes = [f"--set={change}" for change in SMALL]
    return ["train", str(recipe), *changes, "-o", str(folder)]


def test_jax_trains_what_inference_loads(tones, tiny_recipe, tmp_path):
    # One batch an epoch: JAX compiles anew for each shape.
    whole = ["--set", "data.batch_length=60"]
    program = ["-m", "asr", *options(tmp_path / "run", tiny_recipe), *whole]
    told = run(tones, program, KERAS_BACKEND="jax")
    assert "epoch 2/2  " in told
    check(tmp_path / "run" / MODEL)


def test_mixed_precision(tones, tiny_recipe, tmp_path, monkeypatch):
    monkeypatch.setenv("ASR_DATA", str(tones))
    recipe = load_recipe(tiny_recipe, [*SMALL, "train.precision=mixed_bfloat16"])
    folder = train(recipe, tmp_path / "run")
    assert keras.config.dtype_policy().name == "float32"  # of the models to come
    check(folder)


def test_policy_is_back_after_a_fault():
    seen = []

    def fail() -> None:
        with backend.precision("mixed_bfloat16"):
            seen.append(keras.config.dtype_policy().name)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert seen == ["mixed_bfloat16"]
    assert keras.config.dtype_policy().name == "float32"
