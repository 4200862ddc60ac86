"""The checkpoint: complete or the one before, and refused when it is not its own."""

from __future__ import annotations

import errno
import json
import os
import resource
import subprocess
import sys
from types import SimpleNamespace

import keras
import numpy as np
import pytest

from asr.config.schema import Recipe, TrainConfig
from asr.errors import OutputError, RecipeError, TrainingError
from asr.storage import weights
from asr.training.checkpoint import Progress, load_state, save_state
from asr.training.export import _spellings
from asr.training.optimizers import WeightAverage, build_optimizer
from asr.training.run_folder import (
    CHECKPOINT,
    load_run_recipe,
    load_run_tokenizer,
    locked,
    save_recipe,
    sweep,
)


def make(units: int = 3) -> keras.Model:
    layers = [
        keras.Input((2,)),
        keras.layers.Dense(units),
        keras.layers.Dropout(0.5, seed=1),
    ]
    model = keras.Sequential(layers)
    model.compile(optimizer=build_optimizer(TrainConfig(accumulate=3), 10), loss="mse")
    model.optimizer.build(model.trainable_variables)
    return model


def step(model: keras.Model, count: int = 1) -> None:
    random = np.random.default_rng(int(model.optimizer.iterations))
    for _ in range(count):
        model.train_on_batch(random.normal(size=(4, 2)), np.ones((4, 3)))


def values(model: keras.Model) -> list[np.ndarray]:
    return [v.numpy().copy() for v in [*model.variables, *model.optimizer.variables]]


def arrays(folder) -> dict[str, np.ndarray]:
    with np.load(folder / CHECKPOINT) as stored:
        return {name: stored[name] for name in stored.files}


@pytest.fixture
def saved(tmp_path):
    """A folder with the checkpoint of a model after four batches, and the model."""
    model, average = make(), WeightAverage(0.9)
    step(model, 4)
    average.sample(model.trainable_variables, 2)
    progress = Progress(epoch=2, batch=1, best=0.25, history=[{"epoch": 1}])
    save_state(tmp_path, model, average, progress)
    return tmp_path, model, average


def test_everything_comes_back(saved):
    folder, model, average = saved
    other, empty = make(), WeightAverage(0.9)
    progress = load_state(folder, other, empty)
    assert (progress.epoch, progress.batch, progress.best) == (2, 1, 0.25)
    assert progress.history == [{"epoch": 1}]
    assert empty.updates == average.updates == 2
    for one, two in zip(average.values, empty.values, strict=True):
        np.testing.assert_array_equal(one, two)
    names = [v.path for v in [*other.variables, *other.optimizer.variables]]
    assert any("seed_generator_state" in name for name in names)  # of the dropout
    assert any("accumulator" in name for name in names)  # gradients of half an update
    for one, two in zip(values(model), values(other), strict=True):
        np.testing.assert_array_equal(one, two)
    step(model, 4)
    step(other, 4)
    for one, two in zip(values(model), values(other), strict=True):
        np.testing.assert_array_equal(one, two)


def test_a_checkpoint_of_an_earlier_release(saved):
    folder, model, average = saved
    content = arrays(folder)
    facts = json.loads(content["facts"].tobytes())
    del facts["progress"]["start_sources"]
    facts["progress"] |= {"stale": 1, "factor": 1.0, "heard": [{"path": "x"}]}
    del facts["averaged_updates"]
    facts["averaged"] = 3  # samples, one every ten updates
    content["facts"] = np.frombuffer(json.dumps(facts).encode(), dtype="uint8")
    np.savez(folder / CHECKPOINT, **content)
    progress = load_state(folder, model, average)
    assert average.updates == 30
    assert progress.start_sources == [{"path": "x"}]
    assert progress.epoch == 2


def test_no_checkpoint_is_the_beginning(tmp_path):
    assert load_state(tmp_path, make(), WeightAverage(0.9)) == Progress()


@pytest.mark.parametrize(
    "what", ["empty", "cut", "flipped", "text", "pickle", "folder"]
)
def test_damaged_checkpoint(saved, what):
    folder, model, average = saved
    path = folder / CHECKPOINT
    content = path.read_bytes()
    middle = len(content) // 2
    path.unlink()
    if what == "folder":
        path.mkdir()
        (path / "x").touch()
        with pytest.raises(TrainingError, match="not a plain file"):
            save_state(folder, model, average, Progress())
        return
    if what == "pickle":
        np.savez(path, facts=np.array([{"a": 1}], dtype=object))
    else:
        flipped = (
            content[:middle] + bytes([content[middle] ^ 255]) + content[middle + 1 :]
        )
        changed = {
            "empty": b"",
            "cut": content[:-40],
            "flipped": flipped,
            "text": b"no",
        }
        path.write_bytes(changed[what])
    before = values(other := make())
    with pytest.raises(TrainingError, match="damaged, or made for another model"):
        load_state(folder, other, WeightAverage(0.9))
    for one, two in zip(before, values(other), strict=True):
        np.testing.assert_array_equal(one, two)  # nothing was believed


@pytest.mark.parametrize(
    "changed",
    [
        {"epoch": "one"}, {"epoch": -1}, {"batch": None}, {"step": 1.5},
        {"best": []}, {"seconds": "x"}, {"logs": []}, {"metrics": 3},
        {"history": {}}, {"history": [3]}, {"history": [{}]}, {"start_sources": "x"},
        {"start_spellings": 3},
        {"unknown": 1}, [], None,
    ],
)  # fmt: skip
def test_checkpoint_with_a_position_of_another_kind(saved, changed):
    folder, model, average = saved
    content = arrays(folder)
    facts = json.loads(content["facts"].tobytes())
    facts["progress"] = (
        facts["progress"] | changed if isinstance(changed, dict) else changed
    )
    content["facts"] = np.frombuffer(json.dumps(facts).encode(), dtype="uint8")
    np.savez(folder / CHECKPOINT, **content)
    with pytest.raises(TrainingError, match="damaged"):
        load_state(folder, model, average)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("v0", np.zeros(3)),
        ("v0", np.zeros((2, 3), "U3")),
        ("v0", None),
        ("a0", np.zeros(3)),
        ("a9", np.zeros(3)),
        ("facts", np.array(3)),
        ("facts", np.frombuffer(b"[" * 100_000, "uint8")),
        ("", np.zeros(3)),
        ("v0", np.zeros((4000, 4000))),
    ],
)
def test_checkpoint_with_another_array(saved, name, value):
    folder, model, average = saved
    content = arrays(folder) | {name: value}
    content = {key: array for key, array in content.items() if array is not None}
    np.savez_compressed(folder / CHECKPOINT, **content)
    before = values(model)
    with pytest.raises(TrainingError, match="damaged"):
        load_state(folder, model, average)
    for one, two in zip(before, values(model), strict=True):
        np.testing.assert_array_equal(one, two)


def test_checkpoint_of_another_model(saved):
    with pytest.raises(TrainingError, match="made for another model"):
        load_state(saved[0], make(units=4), WeightAverage(0.9))


@pytest.mark.parametrize("where", ["savez", "fsync", "replace"])
def test_full_disk(saved, monkeypatch, where):
    folder, model, average = saved
    before = (folder / CHECKPOINT).read_bytes()

    def full(*_, **__):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    owner = {"savez": np, "fsync": os, "replace": type(folder)}[where]
    monkeypatch.setattr(owner, where, full)
    step(model, 3)
    with pytest.raises(TrainingError) as caught:
        save_state(folder, model, average, Progress())
    message = str(caught.value)
    assert "No space left on device" in message
    assert "the last checkpoint is intact: free some space" in message
    assert "\n" not in message
    assert (folder / CHECKPOINT).read_bytes() == before
    assert [path.name for path in folder.iterdir()] == [CHECKPOINT]


def test_write_that_the_system_refuses_half_way(saved):
    """A real one: files may not grow beyond half a checkpoint."""
    folder, model, average = saved
    before = (folder / CHECKPOINT).read_bytes()
    old = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (len(before) // 2, old[1]))
    try:
        with pytest.raises(TrainingError, match="File too large"):
            save_state(folder, model, average, Progress())
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, old)
    assert (folder / CHECKPOINT).read_bytes() == before
    assert load_state(folder, make(), WeightAverage(0.9)).epoch == 2


def test_recipe_comes_back(tmp_path):
    save_recipe(tmp_path, Recipe(name="Größe", seed=7))
    assert load_run_recipe(tmp_path) == Recipe(name="Größe", seed=7)


def test_folder_without_a_run(tmp_path):
    with pytest.raises(TrainingError, match=r"not a run folder: .*recipe\.yaml"):
        load_run_recipe(tmp_path / "gone")


@pytest.mark.parametrize(
    "text",
    ["a: [", "sede: 1", "seed: 2024-13-1", "- 1", "[" * 5000, "a: &a [*a]", "\xff"],
)
def test_recipe_that_was_changed_for_the_worse(tmp_path, text):
    (tmp_path / "recipe.yaml").write_bytes(text.encode("latin-1"))
    with pytest.raises(RecipeError, match=r"recipe\.yaml: "):
        load_run_recipe(tmp_path)


@pytest.mark.parametrize("text", [None, "", "{", '{"kind": "morse"}', "[]"])
def test_tokenizer_that_is_gone_or_damaged(tmp_path, text):
    if text is not None:
        (tmp_path / "tokenizer.json").write_text(text)
    with pytest.raises(TrainingError, match=r"tokenizer\.json: missing or damaged"):
        load_run_tokenizer(tmp_path)


@pytest.mark.parametrize("renamed", [False, True])
def test_a_kill_between_two_renames_loses_no_model(tmp_path, renamed):
    unfinished = [".asr-model.old", ".asr-model.new"]
    for name in (*unfinished, *(["model"] if renamed else [])):
        (tmp_path / name).mkdir()
        (tmp_path / name / "which").write_text(name)
    for name in (".asr-12-ab.tmp", ".asr-1-ab.tmp"):  # of that process, and another
        (tmp_path / name).touch()
    sweep(tmp_path, "12")
    assert {path.name for path in tmp_path.iterdir()} == {"model", ".asr-1-ab.tmp"}
    expected = "model" if renamed else ".asr-model.old"
    assert (tmp_path / "model" / "which").read_text() == expected


HOLDER = """
import sys, time
from pathlib import Path
from asr.training.run_folder import locked
with locked(Path(sys.argv[1])):
    Path(sys.argv[1], f".asr-{__import__('os').getpid()}-ab.tmp").touch()
    print("locked", flush=True)
    time.sleep(60)
"""


def test_a_run_folder_belongs_to_one_process(tmp_path):
    folder = tmp_path / "run"
    command = [sys.executable, "-c", HOLDER, str(folder)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout.readline() == "locked\n"
        message = (
            rf"run: in use by process {holder.pid} on \S+; wait for it, or stop it"
        )
        with pytest.raises(TrainingError, match=message), locked(folder):
            pytest.fail("two have it")
        assert len(list(folder.glob(".asr-*.tmp"))) == 1  # still its own
        holder.kill()
    (folder / ".asr-1-ab.tmp").touch()  # of another program
    with locked(folder):
        assert [path.name for path in folder.glob(".asr-*.tmp")] == [".asr-1-ab.tmp"]
        with locked(folder):  # of this process
            pass
        assert (folder / ".lock").read_text().startswith(f"{os.getpid()} on ")
    assert [path.name for path in folder.iterdir()] == [".asr-1-ab.tmp"]


def test_a_lock_leaves_no_empty_folder(tmp_path):
    with pytest.raises(ValueError, match="no data"), locked(tmp_path / "a"):
        raise ValueError("no data")
    assert not (tmp_path / "a").exists()
    (tmp_path / "file").touch()
    with (
        pytest.raises(OutputError, match="cannot write into"),
        locked(tmp_path / "file"),
    ):
        pass


def test_a_checkpoint_may_be_larger_than_a_model(saved, monkeypatch):
    folder, model, average = saved
    monkeypatch.setattr(weights, "LARGEST_WEIGHTS", 10)
    monkeypatch.setattr(weights, "_FREE", 10)
    assert load_state(folder, model, average).epoch == 2


def test_spellings_do_not_need_the_start_model():
    task = SimpleNamespace(spellings=lambda records: ("McDonald",))
    training = SimpleNamespace(
        recipe=SimpleNamespace(train=SimpleNamespace(start="no/such/model")),
        progress=Progress(start_spellings=["iPhone"]),
        task=task,
        data=SimpleNamespace(examples=[]),
    )
    assert _spellings(training) == ("McDonald", "iPhone")
