"""Training on several workers: speed against one process, and what a kill does.

Speed: the same batches of LibriSpeech train-clean-5, on one process with one core, one
process with two cores, and two workers with one core each. The second epoch is timed,
and compared with its estimate; the weights in the end are compared.

Kills: a worker is killed at random moments, and the training goes on with one, two or
three workers. Each row of each step must be that of a training of one process, with
its augmentation. In the end, `asr train --resume` and `asr launch --workers 1` must
give the same bits from one checkpoint.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import zlib
from collections import defaultdict
from pathlib import Path
from typing import Any

import harness
import numpy as np

CORES = 2
ONE_THREAD = dict.fromkeys(("TF_NUM_INTRAOP_THREADS", "OMP_NUM_THREADS", "NPROC"), "1")

RECIPE = """
base: {base}
name: speed
data:
  train:
    - corpus: librispeech
      path: speech/LibriSpeech
      subset: train-clean-5
      limit: {clips}
  dev: []
  withhold: []
  batch_length: {batch}
  ascending_epochs: 1
train: {{epochs: 2, tensorboard: false, start: ""}}
"""

TINY = """
name: tiny
data: {{train: [{{path: {folder}/clips.jsonl}}], dev: [], batch_length: 1.5}}
augment: {{speeds: [0.9, 1.0, 1.1]}}
model:
  frontend: {{mels: 24}}
  encoder: {{layers: 1, units: 24, filters: 24, memory_units: 24, dropout: 0.2}}
  decoder: {{units: 24, embedding: 16, dropout: 0.2}}
  attention: {{units: 16}}
train: {{epochs: {epochs}, tensorboard: false, checkpoint_minutes: 0, ema: 0.9}}
"""


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="few clips, two kills")
    parser.add_argument("--part", choices=["speed", "kills"], help="only this part")
    parser.add_argument("--distribute", default="tensorflow", help="or jax")
    parser.add_argument("--clips", type=int, default=320, help="clips of an epoch")
    parser.add_argument("--batch", type=int, default=1440, help="seconds of a batch")
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--kills", type=int, default=10)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--worker", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.worker:
        worker(**json.loads(options.worker))
        return
    if options.quick:
        options.clips, options.batch, options.kills = 40, 80, 2
    harness.announce()
    with tempfile.TemporaryDirectory() as name:
        if options.part != "kills":
            speed(Path(name), options)
        if options.part != "speed":
            kills(Path(name), options)


def asr(*arguments: object, cores: int = CORES, **environment: str) -> str:
    """Run a command of asr on some cores; return its standard output."""
    command = [sys.executable, "-m", "asr", *map(str, arguments)]
    done = subprocess.run(
        command,
        cwd=harness.ROOT,
        env=os.environ | environment,
        capture_output=True,
        text=True,
        check=False,
        preexec_fn=lambda: os.sched_setaffinity(0, set(range(cores))),
    )
    if done.returncode:
        raise SystemExit(f"{' '.join(command)}: {done.stderr[-2000:]}")
    return done.stdout


def history(run: Path) -> list[dict[str, Any]]:
    """Return the records of the epochs of a run."""
    lines = (run / "history.jsonl").read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines]


def arrays(run: Path) -> dict[str, np.ndarray]:
    """Return the arrays of a checkpoint."""
    with np.load(run / "checkpoint.npz") as stored:
        return {name: stored[name] for name in stored.files if name != "facts"}


def differences(one: Path, two: Path) -> np.ndarray:
    """Return how far averaged weights are apart, as shares of the largest of an array.

    Moments of the optimiser are means of gradients that cancel each other: they differ
    by more.
    """
    mine, theirs = arrays(one), arrays(two)
    apart = [
        np.abs(theirs[name] - value.astype("float64")).ravel()
        / (float(np.abs(value).max()) or 1.0)
        for name, value in mine.items()
        if name.startswith("a")
    ]
    return np.concatenate(apart)


def speed(folder: Path, options: argparse.Namespace) -> None:
    """Measure audio per second on one and two cores."""
    recipe = folder / "speed.yaml"
    base = harness.ROOT / "recipes" / "librispeech" / "mini.yaml"
    sizes = {"clips": options.clips, "batch": options.batch}
    recipe.write_text(RECIPE.format(base=base, **sizes), encoding="utf-8")
    backend = {"KERAS_BACKEND": options.distribute}
    rates: dict[str, list[float]] = defaultdict(list)
    for number in range(options.rounds):
        runs = {name: folder / f"{name}-{number}" for name in ("one", "two", "workers")}
        train = ["train", recipe, "--output"]
        asr(*train, runs["one"], cores=1, **ONE_THREAD, **backend)
        asr(*train, runs["two"], **backend)
        launch = ["launch", "--workers", 2, "--"]
        distribute = ["--distribute", options.distribute]
        asr(*launch, *train, runs["workers"], *distribute, **ONE_THREAD)
        for name, run in runs.items():
            rates[name].append(history(run)[-1]["rate"])
        print(f"round {number + 1}: load {os.getloadavg()[0]:.1f}")
    rate = {name: statistics.median(values) for name, values in rates.items()}
    facts = json.loads((runs["one"] / "model" / "config.json").read_text())["training"]
    print(
        f"{options.distribute}, {facts['parameters']:,} parameters, "
        f"{facts['steps'] // 2} batches an epoch; s of audio per s: "
        f"1 process x 1 core {rate['one']:.1f}, 1 process x 2 cores {rate['two']:.1f}, "
        f"2 workers x 1 core {rate['workers']:.1f}"
    )
    ratio = rate["workers"] / rate["one"]
    harness.verdict("2 workers to 1 process x 1 core", ratio, 1.8, below=False)
    ratio = rate["workers"] / rate["two"]
    harness.verdict("2 workers to 1 process x 2 cores", ratio, 0.95, below=False)
    for workers, name in ((1, "one"), (2, "workers")):
        estimate = ["train", recipe, "--estimate", "--json", "--network", "10Gb"]
        told = asr(*estimate, "--workers", workers, cores=1, **ONE_THREAD, **backend)
        predicted = json.loads(told)["epoch_seconds"]
        measured = json.loads(told)["length"] / rate[name]
        print(f"epoch, {workers} workers: {predicted:.1f} s, measured {measured:.1f} s")
        off = abs(predicted / measured - 1)
        harness.verdict("estimate, off by", off, 0.2, below=True)
    apart = differences(runs["one"], runs["workers"])
    print(f"weights apart by more than 1e-3: {np.sum(apart > 1e-3)} of {apart.size:,}")
    largest = float(apart.max())
    harness.verdict("difference of weights after two epochs", largest, 1e-3, below=True)


def worker(recipe: str, run: str, hosts: list[str], rank: int, rows: str) -> None:
    """Train as a worker; write a line for each step with the rows of this worker."""
    from asr.config.loading import load_recipe  # noqa: PLC0415 - only in a worker
    from asr.training.cluster import Cluster  # noqa: PLC0415
    from asr.training.tensorflow_strategies import SingleStrategy  # noqa: PLC0415
    from asr.training.train import resume, train  # noqa: PLC0415
    from asr.training.trainer import Trainer  # noqa: PLC0415

    step, count, seen = SingleStrategy.step, Trainer._count_step, []

    def noted_step(self: Any, batch: Any) -> dict[str, float]:
        seen[:] = [batch]
        return step(self, batch)

    def noted_count(self: Any, *position: Any) -> None:
        count(self, *position)
        (batch,) = seen
        sums = []
        for source, size, labels in zip(
            batch.inputs["source"],
            batch.inputs["source_lengths"],
            batch.targets["labels"],
            strict=True,
        ):
            if size:
                sums.append(zlib.crc32(source[:size].tobytes() + labels.tobytes()))
        line = [self.training.progress.step, batch.first, batch.total, sums]
        with Path(rows).open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")

    SingleStrategy.step, Trainer._count_step = noted_step, noted_count
    cluster = Cluster("tensorflow", hosts, rank) if hosts else None
    if (Path(run) / "train.jsonl").is_file():
        resume(Path(run), cluster=cluster)
    else:
        train(load_recipe(recipe), Path(run), cluster=cluster)


def start(recipe: Path, run: Path, workers: int, rows: Path) -> list[subprocess.Popen]:
    """Start the workers of a training."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(workers)]
    hosts = [f"127.0.0.1:{listener.getsockname()[1]}" for listener in sockets]
    for listener in sockets:
        listener.close()
    processes = []
    for rank in range(workers):
        facts = {
            "recipe": str(recipe),
            "run": str(run),
            "hosts": hosts if workers > 1 else [],
            "rank": rank,
            "rows": f"{rows}-{workers}-{rank}-{time.monotonic_ns()}",
        }
        command = [sys.executable, __file__, "--worker", json.dumps(facts)]
        with Path(f"{rows}-{rank}.log").open("a", encoding="utf-8") as log:
            processes.append(
                subprocess.Popen(
                    command, env=os.environ | ONE_THREAD, stdout=log, stderr=log
                )
            )
    return processes


def trained_rows(rows: Path) -> dict[int, list[list[Any]]]:
    """Return what was noted of each step: first row, rows of the batch, checksums."""
    found: dict[int, list[list[Any]]] = defaultdict(list)
    for path in rows.parent.glob(f"{rows.name}-*-*-*"):
        for line in path.read_text(encoding="utf-8").splitlines():
            if line.endswith("]"):  # the last one may be half
                number, *facts = json.loads(line)
                found[number].append(facts)
    return found


def write_clips(folder: Path) -> None:
    """Write 48 clips of noise with random texts, and their manifest."""
    import soundfile  # noqa: PLC0415 - only here

    draws = np.random.default_rng(1)
    lines = []
    for number in range(48):
        count = int(draws.integers(3000, 14000))
        path = folder / f"clip{number:02}.wav"
        soundfile.write(path, draws.normal(0, 0.1, count), 16000)
        text = "".join(draws.choice(list("ABCDE"), 4))
        clip = {"audio_filepath": str(path), "text": text, "duration": count / 16000}
        lines.append(json.dumps(clip) + "\n")
    (folder / "clips.jsonl").write_text("".join(lines), encoding="utf-8")


def kills(folder: Path, options: argparse.Namespace) -> None:
    """Kill workers at random moments, and go on with other numbers of them."""
    draw = random.Random(options.seed)
    write_clips(folder)
    recipe = folder / "tiny.yaml"
    epochs = max(4, 2 * options.kills)
    recipe.write_text(TINY.format(folder=folder, epochs=epochs), encoding="utf-8")
    for process in start(recipe, folder / "whole", 1, folder / "expected"):
        if process.wait():
            raise SystemExit((folder / "expected-0.log").read_text())
    expected = trained_rows(folder / "expected")
    run, copy, killed = folder / "run", folder / "copy", []
    while len(killed) < options.kills:
        workers = 2 if not killed else 1 + len(killed) % 3
        team = start(recipe, run, workers, folder / "rows")
        if not next_checkpoints(run, team, draw.randint(1, 25)):
            break
        time.sleep(draw.uniform(0, 0.2))
        victim = draw.randrange(workers)
        team[victim].send_signal(signal.SIGKILL)
        began = time.monotonic()
        statuses = [process.wait(60) for process in team]
        seconds = time.monotonic() - began
        statuses.pop(victim)
        killed.append((workers, victim, steps_of(run), round(seconds, 1)))
        if 0 in statuses:
            raise SystemExit(f"a worker outlived the kill: {statuses}")
        print(f"kill {len(killed)}: worker {victim} of {workers}, step {killed[-1][2]}")
    shutil.copytree(run, copy)
    asr("train", "--resume", run, **ONE_THREAD)
    asr("launch", "--workers", 1, "--", "train", "--resume", copy, **ONE_THREAD)
    check_rows(expected, trained_rows(folder / "rows"), killed)
    equal = all(np.array_equal(x, arrays(copy)[k]) for k, x in arrays(run).items())
    print(f"one worker, resumed by `asr train` and by `asr launch`: bit-equal {equal}")
    slowest = max(seconds for *_, seconds in killed)
    print(f"{len(killed)} kills; the other workers ended within {slowest} s")


def steps_of(run: Path) -> int:
    """Return the step of the last checkpoint."""
    with np.load(run / "checkpoint.npz") as stored:
        return int(json.loads(stored["facts"].tobytes())["progress"]["step"])


def next_checkpoints(run: Path, team: list[subprocess.Popen], count: int) -> bool:
    """Wait for some checkpoints; return whether the training still goes on."""
    path = run / "checkpoint.npz"
    seen = {path.stat().st_mtime_ns} if path.exists() else {0}
    while len(seen) <= count:
        if any(process.poll() is not None for process in team):
            return False
        if path.exists():
            seen.add(path.stat().st_mtime_ns)
        time.sleep(0.005)
    return True


def check_rows(
    expected: dict[int, list[list[Any]]],
    found: dict[int, list[list[Any]]],
    killed: list[tuple[int, int, int, float]],
) -> None:
    """Compare the rows of each step with those of one process."""
    wrong = checked = 0
    for number, parts in found.items():
        ((_, total, sums),) = expected[number]
        for first, rows, part in parts:
            checked += 1
            wrong += rows != total or part != sums[first : first + len(part)]
    last = max(found)
    print(
        f"{checked} shares of steps 1 to {last} (of {max(expected)}) checked, of runs "
        f"with {sorted({workers for workers, *_ in killed})} workers"
    )
    harness.verdict("shares with other rows", wrong, 0, below=True)


if __name__ == "__main__":
    main()
