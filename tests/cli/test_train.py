"""asr train: which recipe goes where."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from asr.cli import terminal
from asr.training.cluster import Cluster

RECIPE = """
name: tiny
data:
  train: [{path: train.jsonl}]
"""

WORKER = ["--distribute", "tensorflow", "--hosts", "a:1,b:1", "--rank"]


@pytest.fixture
def calls(monkeypatch, public, tmp_path):
    """Replace `asr.train` and `asr.resume`; work in an empty folder."""
    made = []
    monkeypatch.chdir(tmp_path)
    (tmp_path / "tiny.yaml").write_text(RECIPE)
    (tmp_path / "runs/tiny").mkdir(parents=True)
    (tmp_path / "runs/tiny/recipe.yaml").write_text(RECIPE)
    monkeypatch.setattr(terminal, "start_backend", lambda: None)

    def train(recipe, output, cluster):
        made.append(("train", recipe, output, *([cluster] if cluster else [])))
        return output / "model"

    def resume(output, cluster, **changed):
        made.append(
            ("resume", output, *changed.items(), *([cluster] if cluster else []))
        )
        return output / "model"

    monkeypatch.setenv("KERAS_BACKEND", "tensorflow")  # --distribute selects another

    public("train", train)
    public("resume", resume)
    return made


def test_recipe_with_changes(run, calls):
    ended = run(
        "train", "tiny.yaml", "--set", "train.epochs=2", "--set", "seed=7", "-o", "out"
    )
    assert ended == (0, "out/model\n", "")
    ((kind, recipe, output),) = calls
    assert (kind, output) == ("train", Path("out"))
    assert (recipe.name, recipe.train.epochs, recipe.seed) == ("tiny", 2, 7)


def test_output_is_named_after_the_recipe(run, calls):
    run("train", "tiny.yaml")
    assert calls[0][2] == Path("runs/tiny")


def test_resume(run, calls):
    assert run("train", "--resume", "runs/tiny") == (0, "runs/tiny/model\n", "")
    assert calls == [("resume", Path("runs/tiny"))]


@pytest.mark.parametrize(
    ("content", "status", "message"),
    [
        (None, 7, "not a run folder: it has no recipe.yaml"),
        ("[[[", 3, "not valid YAML"),
        ("a: &a [*a]", 3, "at most 100,000 values"),
    ],
)
def test_a_damaged_run_needs_no_backend(
    run, calls, monkeypatch, content, status, message
):
    recipe = Path("runs/tiny/recipe.yaml")
    recipe.unlink() if content is None else recipe.write_text(content)
    monkeypatch.setattr(terminal, "start_backend", lambda: pytest.fail("started"))
    ended = run("train", "--resume", "runs/tiny")
    assert (ended.status, calls) == (status, [])
    assert message in ended.err
    assert ended.err.count("\n") == 1


def test_resume_with_more_epochs(run, calls):
    run("train", "--resume", "runs/tiny", "--set", "train.epochs=80")
    assert calls == [("resume", Path("runs/tiny"), ("epochs", 80))]


@pytest.mark.parametrize(
    ("arguments", "status", "message"),
    [
        (["--resume", "x", "--set", "train.epochs=0"], 3, "train.epochs: must be"),
        (
            ["--resume", "x", "--set", "train.epochs=3", "--set", "train.ema=0"],
            2,
            "only train.epochs may change",
        ),
        ([], 2, "give a recipe, or a run with --resume"),
        (["tiny.yaml", "--resume", "x"], 2, "--resume takes the run as it is"),
        (["--resume", "x", "--set", "seed=1"], 2, "--resume takes the run as it is"),
        (["--resume", "x", "-o", "y"], 2, "--resume takes the run as it is"),
        (["gone.yaml"], 3, "no recipe gone.yaml"),
        (
            ["tiny.yaml", "--set", "sede=1"],
            3,
            "unknown key 'sede'; did you mean 'seed'",
        ),
        (["tiny.yaml", "--set", "seed"], 3, "must have the form key.subkey=value"),
        (["tiny.yaml", "--rank", "0"], 2, "--hosts and --rank go together"),
        (["tiny.yaml", "--hosts", "a:1", "--rank", "0"], 2, "with --distribute"),
        (["tiny.yaml", "--distribute", "jax"], 2, "or the variable TF_CONFIG"),
        ([*WORKER, "2", "tiny.yaml"], 2, "the rank must be from 0 to 1, got 2"),
        ([*WORKER, "0", "tiny.yaml", "--estimate"], 2, "neither --output nor workers"),
        (["tiny.yaml", "--workers", "2"], 2, "apply only to --estimate"),
        (["tiny.yaml", "--estimate", "--network", "10"], 2, "'10' is no rate; write"),
        (["tiny.yaml", "--estimate", "--network", "0Gb"], 2, "'0Gb' is no rate"),
    ],
)
def test_what_cannot_be_is_refused(run, calls, arguments, status, message):
    ended = run("train", *arguments)
    assert (ended.status, ended.out, calls) == (status, "", [])
    assert message in ended.err
    assert ended.err.count("\n") == 1


def test_a_worker(run, calls):
    assert run("train", "tiny.yaml", *WORKER, "1").status == 0
    assert run("train", "--resume", "runs/tiny", *WORKER, "0").status == 0
    (*_, first), (*_, second) = calls
    assert first == Cluster("tensorflow", ("a:1", "b:1"), 1)
    assert second.rank == 0


def test_workers_of_the_environment(run, calls, monkeypatch):
    config = {"cluster": {"worker": ["a:1", "b:1"]}, "task": {"type": "worker"}}
    config["task"]["index"] = 1
    monkeypatch.setenv("TF_CONFIG", json.dumps(config))
    assert run("train", "tiny.yaml", "--distribute", "jax").status == 0
    assert calls[0][-1] == Cluster("jax", ("a:1", "b:1"), 1)
    assert os.environ["KERAS_BACKEND"] == "jax"
    run("train", "tiny.yaml")  # the variable alone distributes nothing
    assert len(calls[1]) == 3


@pytest.mark.parametrize(
    ("text", "bits"), [("10Gb", 1e10), ("100Mb", 1e8), ("2.5Gb/s", 2.5e9)]
)
def test_a_network(run, calls, public, text, bits):
    seen = []

    class Needs:
        def summary(self):
            return "little"

    def estimate(recipe, **given):
        seen.append(given)
        return Needs()

    public("estimate", estimate)
    options = ["--estimate", "--workers", "8", "--network", text]
    assert run("train", "tiny.yaml", *options) == (0, "little\n", "")
    assert seen == [{"workers": 8, "network": bits}]
