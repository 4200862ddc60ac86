"""Tasks of other packages, found through entry points."""

from __future__ import annotations

import json

import pytest

from asr.errors import UsageError
from asr.tasks import TASKS, task_class
from asr.tasks.text import Translation

MODULE = """
from asr.tasks.text import TextTask


class Backwards(TextTask):
    def metrics(self, references, hypotheses):
        right = sum(a == b for a, b in zip(references, hypotheses, strict=True))
        return {"accuracy": right / len(references)}

    def cost(self, scores):
        return -scores["accuracy"]


NUMBER = 3
"""
ENTRIES = """
[asr.tasks]
backwards = backwards_task:Backwards
gone = no_such_module:Task
number = backwards_task:NUMBER
"""


@pytest.fixture
def package(tmp_path, monkeypatch):
    """Install a package with a task, as pip does."""
    folder = tmp_path / "site"
    metadata = folder / "backwards_task-0.1.dist-info"
    metadata.mkdir(parents=True)
    (folder / "backwards_task.py").write_text(MODULE)
    (metadata / "METADATA").write_text("Name: backwards-task\nVersion: 0.1\n")
    (metadata / "entry_points.txt").write_text(ENTRIES)
    monkeypatch.syspath_prepend(folder)


def test_bundled_tasks_come_first(package):
    assert task_class("translation") is Translation
    assert "backwards" not in TASKS
    assert task_class("backwards").__name__ == "Backwards"


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("backward", "unknown task 'backward'; did you mean 'backwards'?"),
        ("translaton", "did you mean 'translation'"),
        ("gone", "task gone: cannot load no_such_module:Task: No module named"),
        ("number", "backwards_task:NUMBER is not a subclass of Task"),
    ],
)
def test_errors(package, name, message):
    with pytest.raises(UsageError) as error:
        task_class(name)
    assert message in str(error.value)


def test_without_the_package():
    with pytest.raises(UsageError, match="unknown task 'backwards'"):
        task_class("backwards")


def test_the_command_line_knows_it(run, package, tiny_texts, tmp_path, monkeypatch):
    monkeypatch.setenv("ASR_DATA", str(tiny_texts))
    recipe, folder = tiny_texts / "tiny-text.yaml", tmp_path / "run"
    given = ["--set", "task=backwards", "--output", folder]
    assert run("train", recipe, *given).status == 0
    last = (folder / "history.jsonl").read_text().splitlines()[-1]
    assert json.loads(last)["dev_accuracy"] > 0.5
    model, pairs = folder / "model", tiny_texts / "pairs" / "dev.tsv"
    assert run("translate", "a b", "--model", model).out == "b a!\n"
    accuracy = json.loads(run("evaluate", model, pairs, "--json").out)["accuracy"]
    assert accuracy > 0.5
    assert f"\naccuracy {accuracy:.4f}\n" in run("evaluate", model, pairs).out
    assert "backwards" in run("info", model).out


def test_a_model_without_its_package(run, tiny_texts, monkeypatch):
    monkeypatch.setenv("ASR_DATA", str(tiny_texts))
    recipe = tiny_texts / "tiny-text.yaml"
    ended = run("train", recipe, "--set", "task=backwards")
    assert (ended.status, "task: unknown task 'backwards'" in ended.err) == (3, True)
