"""`asr launch`: several processes of this machine train together."""

from __future__ import annotations

import ctypes
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import IO, Any

import click

from asr.cli import options
from asr.errors import AsrError, UsageError

_POLL = 0.05  # seconds between two looks at the workers
_PATIENCE = 5.0  # seconds in which a worker must end after it was asked to
_PR_SET_PDEATHSIG = 1  # of prctl(2)
_LAST = 20  # lines of a worker that are kept
# They decide how many threads a worker computes with: TensorFlow, ONNX Runtime and
# NumPy, JAX.
_THREADS = ("TF_NUM_INTRAOP_THREADS", "OMP_NUM_THREADS", "NPROC")


class LaunchError(AsrError):
    """A worker has failed.

    Args:
        message: Its error.
        status: Its exit status.
    """

    def __init__(self, message: str, status: int) -> None:
        super().__init__(message)
        self.exit_status = status


@click.command(
    epilog="Example: asr launch --workers 2 -- train an4 --output runs/an4",
    context_settings={"ignore_unknown_options": True},
)
@options.option("--workers", click.IntRange(1, 1024), "Processes.", required=True)
@click.argument("command", nargs=-1, type=click.UNPROCESSED, metavar="-- train ...")
def command(workers: int, command: tuple[str, ...]) -> None:
    """Start `asr train` as several workers on this machine.

    The processors, and the GPUs if there are any, are divided among the workers. The
    output is that of the first worker. If a worker fails, all are stopped.
    """
    if command[:1] != ("train",):
        raise UsageError("give a training: asr launch --workers 2 -- train RECIPE")
    arguments = list(command)
    if not any(word.split("=")[0] == "--distribute" for word in command):
        arguments += ["--distribute", os.environ.get("KERAS_BACKEND", "tensorflow")]
    team: list[_Worker] = []
    try:
        for config in _configs(workers):
            team.append(_start(arguments, config))  # noqa: PERF401 - to be stopped
        for worker in team:
            worker.reader.start()
        _watch(team)
    finally:
        _stop(team)


@dataclass
class _Worker:
    """A process, and the end of what it says on standard error."""

    process: subprocess.Popen[str]
    reader: threading.Thread
    lines: list[str] = field(default_factory=list)

    @property
    def error(self) -> str:
        """Its error, without the mark."""
        told = [line for line in self.lines if line.startswith("error: ")]
        return (told or self.lines or ["it said nothing"])[-1].removeprefix("error: ")


def _configs(workers: int) -> list[dict[str, str]]:
    """Return the environment of each worker, with free ports of the loopback device."""
    sockets = [socket.socket() for _ in range(workers)]
    for listener in sockets:
        listener.bind(("127.0.0.1", 0))
    hosts = [f"127.0.0.1:{listener.getsockname()[1]}" for listener in sockets]
    for listener in sockets:
        listener.close()
    cores = len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count()
    threads = str(max(1, (cores or 1) // workers))
    configs = []
    for rank in range(workers):
        task = {"cluster": {"worker": hosts}, "task": {"type": "worker", "index": rank}}
        config = {name: os.environ.get(name, threads) for name in _THREADS}
        configs.append(config | _gpu(rank) | {"TF_CONFIG": json.dumps(task)})
    return configs


def _gpu(rank: int) -> dict[str, str]:
    """Return the variable that gives a worker its GPU, if there is one."""
    present = [path.name[6:] for path in Path("/dev").glob("nvidia[0-9]*")]
    chosen = os.environ.get("CUDA_VISIBLE_DEVICES", ",".join(sorted(present)))
    names = [name for name in chosen.split(",") if name and name != "-1"]
    return {"CUDA_VISIBLE_DEVICES": names[rank % len(names)]} if names else {}


def _start(arguments: list[str], config: dict[str, str]) -> _Worker:
    """Start a worker; only the first one is shown."""
    first = json.loads(config["TF_CONFIG"])["task"]["index"] == 0
    process = subprocess.Popen(
        [sys.executable, "-m", "asr", *arguments],
        env=os.environ | config,
        stdin=subprocess.DEVNULL,
        stdout=None if first else subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        errors="replace",
        preexec_fn=_preparation(),  # no thread runs yet
        start_new_session=True,  # Ctrl-C reaches this process alone, which stops them
    )
    worker = _Worker(process, threading.Thread())
    worker.reader = threading.Thread(target=_read, args=(worker, first), daemon=True)
    return worker


def _preparation() -> Callable[[], object] | None:
    """Return what a worker runs first: it shall end when this process is killed."""
    if sys.platform != "linux":
        return None
    return partial(ctypes.CDLL(None).prctl, _PR_SET_PDEATHSIG, signal.SIGTERM)


def _read(worker: _Worker, shown: bool) -> None:
    """Keep the last lines of a worker; show them, but for its error."""
    stream: IO[str] | Any = worker.process.stderr
    with stream:
        for line in stream:
            worker.lines[:] = [*worker.lines[1 - _LAST :], line.rstrip()]
            if shown and not line.startswith("error: "):
                click.echo(line, nl=False, err=True)


def _watch(team: list[_Worker]) -> None:
    """Wait until all workers are done.

    Raises:
        LaunchError: One of them has failed.
    """
    while True:
        statuses = [worker.process.poll() for worker in team]
        failed = [rank for rank, status in enumerate(statuses) if status]
        if failed:
            # The others fail because one was killed: that one comes first.
            rank = min(failed, key=lambda rank: statuses[rank] != -signal.SIGKILL)
            raise _failure(rank, team)
        if None not in statuses:
            return
        time.sleep(_POLL)


def _failure(rank: int, team: list[_Worker]) -> LaunchError:
    """Return the error for a worker that has failed."""
    worker = team[rank]
    status = worker.process.returncode
    who = f"worker {rank} of {len(team)}"
    if status < 0:
        name = signal.Signals(-status).name
        advice = "go on from the last checkpoint with --resume"
        return LaunchError(f"{who} was killed by {name}; all are stopped: {advice}", 1)
    worker.reader.join(_PATIENCE)
    return LaunchError(f"{worker.error} ({who})", status)


def _stop(team: list[_Worker]) -> None:
    """End all workers that still run."""
    for worker in team:
        if worker.process.poll() is None:
            worker.process.terminate()
    deadline = time.monotonic() + _PATIENCE
    for worker in team:
        try:
            worker.process.wait(max(0.0, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            worker.process.kill()
            worker.process.wait()
        if worker.reader.is_alive():
            worker.reader.join(_PATIENCE)
