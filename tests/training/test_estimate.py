"""asr train --estimate: needs worked out from a few steps."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from asr.cli.main import main
from asr.config.loading import load_recipe
from asr.errors import DataError, RecipeError
from asr.training.estimate import Estimate, _sample, estimate, ring_seconds
from asr.training.run_folder import load_run_recipe
from asr.training.trainer import Trainer


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


def test_hours_of_labels(tiny_recipe):
    recipe = load_recipe(tiny_recipe, ["data.tokenizer=labels"])
    with pytest.raises(RecipeError, match="no labels"):
        estimate(recipe, hours=1)


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
        exchange_seconds=0.0,
        epoch_seconds=2400.0,
        memory=4_000_000_000,
        checkpoint=54_000_000,
        timed=9,
        workers=1,
    )
    text = seconds.summary()
    for part in ("3.4 M", "100.6 h", "2.00 s", "40 min", "40.0 h", "4.0 GB", "54 MB"):
        assert part in text
    assert "workers" not in text
    assert seconds.to_json()["seconds"] == 144_000
    several = replace(seconds, workers=4, exchange_seconds=0.25).summary()
    assert "workers 4; in each step they add up their gradients in 0.250 s\n" in several


def test_a_ring_by_hand():
    """Four workers send six quarters of 100 MB each, at 1 Gb/s and 0.2 ms a message."""
    assert ring_seconds(100_000_000, 4, 1e9) == pytest.approx(6 * 0.2 + 6 * 0.0002)
    assert ring_seconds(100_000_000, 1, 1e9) == 0


def test_workers_share_a_batch(tiny_recipe, here, monkeypatch):
    trained = []

    def steps(self, plan):
        trained.append([len(batch) for batch in plan])
        yield len(plan), {"loss": 1.0}

    monkeypatch.setattr(Trainer, "steps", steps)
    recipe = load_recipe(tiny_recipe, ["data.batch_length=60"])
    alone, four = estimate(recipe), estimate(recipe, workers=4, network=1e6)
    assert trained == [[16], [16], [4], [4]]
    assert (alone.steps, four.steps, four.workers) == (1, 1, 4)
    assert alone.exchange_seconds == 0
    size = 4 * four.parameters
    assert four.exchange_seconds == pytest.approx(ring_seconds(size, 4, 1e6))
    assert four.epoch_seconds >= four.exchange_seconds


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
