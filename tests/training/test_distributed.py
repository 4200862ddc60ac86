"""Workers train as one process would; a dead one stops all; any number goes on."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from asr.config.loading import load_recipe
from asr.errors import TrainingError
from asr.training.cluster import Cluster
from asr.training.run_folder import CHECKPOINT, MODEL
from asr.training.setup import build
from asr.training.strategies import connect
from asr.training.tensorflow_strategies import SingleStrategy
from asr.training.train import begin, resume, train
from tests.jax_process import needs_jax
from tests.training.test_resume import RANDOM, arrays, facts

ROOT = Path(__file__).resolve().parents[2]

# Two devices where there is one processor.
MIRRORED = """
import sys
import tensorflow as tf
cpu = tf.config.list_physical_devices("CPU")[0]
part = tf.config.LogicalDeviceConfiguration()
tf.config.set_logical_device_configuration(cpu, [part, part])
from asr.cli.main import main
sys.exit(main(sys.argv[1:]))
"""

# One batch an epoch, of one shape: JAX compiles anew for each.
ONE_SHAPE = (
    "data.batch_length=60", "train.epochs=30", "data.dev=[]", "augment.speeds=[1.0]",
    "model.encoder.layers=1",
)  # fmt: skip
QUICK = "--xla_backend_optimization_level=0 --xla_llvm_disable_expensive_passes=true"
"""Flags of XLA that compile in less time."""


def start(tones: Path, *arguments: object, **more: str) -> subprocess.Popen[str]:
    threads = dict.fromkeys(("TF_NUM_INTRAOP_THREADS", "OMP_NUM_THREADS", "NPROC"), "1")
    environment = os.environ | threads | {"ASR_DATA": str(tones)} | more
    return subprocess.Popen(
        [sys.executable, *map(str, arguments)],
        env=environment, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        text=True,
    )  # fmt: skip


def launched(tones: Path, *arguments: object, **more: str) -> subprocess.Popen[str]:
    launch = ["-m", "asr", "launch", "--workers", 2, "--"]
    return start(tones, *launch, *arguments, **more)


def finish(process: subprocess.Popen[str]) -> str:
    out, err = process.communicate(timeout=400)
    assert process.returncode == 0, err[-4000:]
    return out


def settings(recipe: Path, output: Path, *changes: str) -> list[object]:
    sets = [f"--set={change}" for change in (*RANDOM, *changes)]
    return ["train", recipe, *sets, "-o", output]


@pytest.fixture(scope="module")
def whole(tones, tiny_recipe, tmp_path_factory):
    """A run of one process, with everything random that a recipe knows."""
    folder = tmp_path_factory.mktemp("whole") / "run"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ASR_DATA", str(tones))
        train(load_recipe(tiny_recipe, RANDOM), folder)
    assert facts(folder)["step"] >= 30
    return folder


def assert_equal_runs(found: Path, expected: Path) -> None:
    """Compare weights, optimiser, average, random state and history.

    Sums over a batch are added up in another order, so the last of 24 bits differ, and
    30 steps enlarge that: we saw 2e-5 of the largest number of a weight. Moments of the
    optimiser are means of gradients that cancel each other: we saw 7e-4.
    """
    mine, theirs = arrays(found / CHECKPOINT), arrays(expected / CHECKPOINT)
    assert mine.keys() == theirs.keys()
    for name in mine.keys() - {"facts"}:
        share = 2e-4 if name.startswith("a") else 5e-3  # averages of weights; all
        bound = share * np.abs(theirs[name]).max(initial=0.0)
        np.testing.assert_allclose(mine[name], theirs[name], 0, bound, err_msg=name)
    mine, theirs = facts(found), facts(expected)
    assert (mine["epoch"], mine["step"]) == (theirs["epoch"], theirs["step"])
    for one, two in zip(mine["history"], theirs["history"], strict=True):
        names = one.keys() - {"rate", "minutes"}
        assert names == two.keys() - {"rate", "minutes"}
        assert [one[x] for x in names] == pytest.approx([two[x] for x in names], 1e-3)


def test_two_workers_on_tensorflow(whole, tones, tiny_recipe, tmp_path):
    folder = tmp_path / "run"
    out = finish(launched(tones, *settings(tiny_recipe, folder)))
    assert out == f"{folder / MODEL}\n"  # of the first worker alone
    assert_equal_runs(folder, whole)
    assert {p.name for p in folder.iterdir()} == {p.name for p in whole.iterdir()}


def test_two_devices_of_one_process(tones, tiny_recipe, tmp_path, monkeypatch):
    changes = ("train.accumulate=1", "train.epochs=1", "data.dev=[]")
    program = ["-c", MIRRORED, *settings(tiny_recipe, tmp_path / "two", *changes)]
    two = start(tones, *program, KERAS_BACKEND="tensorflow")
    monkeypatch.setenv("ASR_DATA", str(tones))
    train(load_recipe(tiny_recipe, [*RANDOM, *changes]), tmp_path / "one")
    finish(two)
    assert_equal_runs(tmp_path / "two", tmp_path / "one")


def test_two_devices_accumulate_no_gradients(tones, tiny_recipe, tmp_path, monkeypatch):
    """Keras cannot add them up inside a condition."""
    monkeypatch.setenv("ASR_DATA", str(tones))
    recipe, strategy = load_recipe(tiny_recipe, ["train.accumulate=2"]), connect()
    begin(recipe, tmp_path / "run")
    strategy.devices = 2
    with pytest.raises(TrainingError, match="must be 1 on the 2 devices"):
        build(recipe, tmp_path / "run", strategy)


@needs_jax
def test_two_workers_on_jax(tones, tiny_recipe, tmp_path):
    one, two = tmp_path / "one", tmp_path / "two"
    alone = ["-m", "asr", *settings(tiny_recipe, one, *ONE_SHAPE)]
    quick = {"JAX_PLATFORMS": "cpu", "XLA_FLAGS": QUICK}
    single = start(tones, *alone, KERAS_BACKEND="jax", **quick)
    arguments = settings(tiny_recipe, two, *ONE_SHAPE)
    finish(launched(tones, *arguments, "--distribute", "jax", **quick))
    finish(single)
    assert_equal_runs(two, one)


def children(process: subprocess.Popen[str]) -> list[int]:
    path = Path(f"/proc/{process.pid}/task/{process.pid}/children")
    return [int(pid) for pid in path.read_text().split()]


@pytest.mark.skipif(sys.platform != "linux", reason="children are found in /proc")
def test_a_killed_worker_stops_all_and_one_process_goes_on(
    whole, tones, tiny_recipe, tmp_path, monkeypatch
):
    folder = tmp_path / "run"
    every = "train.checkpoint_minutes=0"
    process = launched(tones, *settings(tiny_recipe, folder, every))
    while not (folder / CHECKPOINT).is_file():
        assert process.poll() is None, process.communicate()[1]
        time.sleep(0.01)
    workers = children(process)
    os.kill(workers[1], signal.SIGKILL)
    _, told = process.communicate(timeout=100)
    assert process.returncode == 1
    assert told.splitlines()[-1] == (
        "error: worker 1 of 2 was killed by SIGKILL; all are stopped: go on from the "
        "last checkpoint with --resume"
    )
    # Libraries write "error:" into their own messages.
    assert sum(line.startswith("error:") for line in told.splitlines()) == 1
    assert not any(Path(f"/proc/{pid}").exists() for pid in workers)
    assert 0 < facts(folder)["step"] < 30
    monkeypatch.setenv("ASR_DATA", str(tones))
    resume(folder)  # on one worker, with the batches that the two would have had
    assert_equal_runs(folder, whole)


def test_one_worker_is_one_process():
    cluster = Cluster("tensorflow", ("127.0.0.1:1",), 0)
    strategy = connect(cluster)
    assert type(strategy) is SingleStrategy
    assert (strategy.rank, strategy.count) == (0, 1)
