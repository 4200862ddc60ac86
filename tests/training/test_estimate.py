"""asr train --estimate: needs worked out from a few steps."""

from __future__ import annotations

import json

import numpy as np
import pytest

from asr.cli.main import main
from asr.config.loading import load_recipe
from asr.errors import DataError, RecipeError
from asr.training.estimate import Estimate, _sample, estimate
from asr.training.run_folder import load_run_recipe


@pytest.fixture
def here(tones, tiny_texts, monkeypatch):
    monkeypatch.setenv("ASR_DATA", str(tones))
    monkeypatch.setattr("asr.training.estimate._TIMED", 3)  # steps are slow here


def test_available_data(tiny_run, tiny_recipe, here):
    found = estimate(load_run_recipe(tiny_run))
    history = (tiny_run / "history.jsonl").read_text().splitlines()
    assert found.epoch_seconds > 0
    assert found.examples == 16
    assert found.length == pytest.approx(
        sum(
            json.loads(line)["duration"]
            for line in (tiny_run / "train.jsonl").read_text().splitlines()
        )
    )
    assert found.epochs == len(history) == 36
    assert found.steps == 3
    assert found.checkpoint == pytest.approx(
        (tiny_run / "checkpoint.npz").stat().st_size, rel=0.3
    )


def test_hours_instead_of_data(tiny_recipe, here):
    recipe = load_recipe(
        tiny_recipe, ["data.train=[{path: gone.jsonl}]", "data.batch_length=48"]
    )
    with pytest.raises(DataError, match="gone"):
        estimate(recipe)
    small, large = (estimate(recipe, hours) for hours in (10, 100))
    assert (small.examples, large.examples) == (3000, 30000)
    assert large.length == pytest.approx(360_000)
    assert small.steps == pytest.approx(750, rel=0.01)
    assert large.steps == pytest.approx(7500, rel=0.01)
    assert large.parameters == small.parameters
    assert small.memory > 1e8
    assert large.memory - small.memory > 0.9e9  # audio that is kept


def test_hours_without_any_files(tiny_recipe, here):
    recipe = load_recipe(
        tiny_recipe,
        [
            "data.withhold=[{path: gone.jsonl}]",
            "data.tokenizer_file=gone.json",
            "train.start=gone",
            "decoding.language_model=gone",
            "data.lexicon=gone.txt",
            "model.phones=[A, B, C]",
        ],
    )
    assert estimate(recipe, hours=1).examples == 300


def test_hours_of_texts(tiny_texts):
    with pytest.raises(RecipeError, match="must be one of speech"):
        estimate(load_recipe(tiny_texts / "tiny-text.yaml"), 3)
    with pytest.raises(RecipeError, match="must be a finite number, got inf"):
        estimate(load_recipe(tiny_texts / "tiny-text.yaml"), float("inf"))


def test_the_longest_clips_are_among_those_measured():
    lengths = np.array([1.0, 2.0, 9.0, 3.0, 4.0] * 20)
    plan = [np.array([i, i + 1]) for i in range(0, 100, 2)]
    chosen = _sample(plan, lengths, seed=1)
    assert lengths[chosen[0]].max() == 9.0
    assert len({tuple(batch) for batch in chosen}) == len(chosen) == 9
    assert len(_sample(plan[:1], lengths, seed=1)) == 1


def test_the_summary():
    seconds = Estimate(
        parameters=3_400_000,
        examples=28_539,
        length=362_160.0,
        unit="s",
        epochs=60,
        steps=1200,
        step_seconds=2.0,
        epoch_seconds=2400.0,
        memory=4_000_000_000,
        checkpoint=54_000_000,
        timed=9,
    )
    text = seconds.summary()
    for part in ("3.4 M", "100.6 h", "2.00 s", "40 min", "40.0 h", "4.0 GB", "54 MB"):
        assert part in text
    assert seconds.to_json()["seconds"] == 144_000


def test_command(tiny_texts, monkeypatch, capsys):
    monkeypatch.setenv("ASR_DATA", str(tiny_texts))
    recipe = str(tiny_texts / "tiny-text.yaml")
    assert main(["train", recipe, "--estimate", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["examples"], found["unit"]) == (600, "tokens")
    assert main(["train", recipe, "--hours", "3"]) == 2
    assert "apply only to --estimate" in capsys.readouterr().err
    assert main(["train", recipe, "--estimate", "--output", "x"]) == 2
    assert "writes nothing" in capsys.readouterr().err
