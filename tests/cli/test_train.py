"""asr train: which recipe goes where."""

from __future__ import annotations

from pathlib import Path

import pytest

from asr.cli import terminal

RECIPE = """
name: tiny
data:
  train: [{path: train.jsonl}]
"""


@pytest.fixture
def calls(monkeypatch, public, tmp_path):
    """Replace `asr.train` and `asr.resume`; work in an empty folder."""
    made = []
    monkeypatch.chdir(tmp_path)
    (tmp_path / "tiny.yaml").write_text(RECIPE)
    (tmp_path / "runs/tiny").mkdir(parents=True)
    (tmp_path / "runs/tiny/recipe.yaml").write_text(RECIPE)
    monkeypatch.setattr(terminal, "start_backend", lambda: None)

    def train(recipe, output):
        made.append(("train", recipe, output))
        return output / "model"

    def resume(output, **changed):
        made.append(("resume", output, *changed.items()))
        return output / "model"

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
    ],
)
def test_what_cannot_be_is_refused(run, calls, arguments, status, message):
    ended = run("train", *arguments)
    assert (ended.status, ended.out, calls) == (status, "", [])
    assert message in ended.err
    assert ended.err.count("\n") == 1
