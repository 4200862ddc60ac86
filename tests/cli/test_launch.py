"""asr launch: several workers on this machine, and one line if one fails."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from asr.cli import launch

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def workers(monkeypatch, tmp_path):
    """Let each worker run a program in the place of `asr train`; return its folder."""
    popen = subprocess.Popen

    def program(text: str) -> Path:
        head = "import json, os, signal, sys, time\nfrom pathlib import Path\n"
        head += "rank = json.loads(os.environ['TF_CONFIG'])['task']['index']\n"
        (tmp_path / "worker.py").write_text(head + text)
        return tmp_path

    def start(command, **options):
        assert command[1:3] == ["-m", "asr"]
        options["cwd"] = tmp_path
        return popen([sys.executable, "worker.py", *command[3:]], **options)

    monkeypatch.setattr(launch.subprocess, "Popen", start)
    return program


def test_each_worker_knows_all(run, workers, monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "4,7")
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    monkeypatch.setenv("TF_NUM_INTRAOP_THREADS", "3")
    monkeypatch.delenv("KERAS_BACKEND", raising=False)
    folder = workers(
        "names = 'TF_CONFIG', 'CUDA_VISIBLE_DEVICES', 'OMP_NUM_THREADS',"
        "'TF_NUM_INTRAOP_THREADS'\n"
        "told = [sys.argv[1:], *(os.environ[name] for name in names)]\n"
        "Path(f'{rank}.json').write_text(json.dumps(told))\n"
    )
    assert (
        run("launch", "--workers", "3", "--", "train", "x", "--set", "a=1").status == 0
    )
    told = [json.loads((folder / f"{rank}.json").read_text()) for rank in range(3)]
    arguments, configs, gpus, threads, chosen = zip(*told, strict=True)
    assert set(map(tuple, arguments)) == {
        ("train", "x", "--set", "a=1", "--distribute", "tensorflow")
    }
    configs = [json.loads(text) for text in configs]
    hosts = configs[0]["cluster"]["worker"]
    assert len(set(hosts)) == 3
    assert all(host.startswith("127.0.0.1:") for host in hosts)
    assert [c["task"]["index"] for c in configs] == [0, 1, 2]
    assert gpus == ("4", "7", "4")
    assert set(chosen) == {"3"}  # what the user says
    assert {int(number) for number in threads} == {max(1, cores() // 3)}


def cores():
    if sys.platform == "linux":
        return len(os.sched_getaffinity(0))
    return os.cpu_count()


def test_only_the_first_worker_is_shown(run, workers):
    workers("print(f'out {rank}')\nprint(f'err {rank}', file=sys.stderr)\n")
    ended = run("launch", "--workers", "2", "--", "train", "x")
    assert (ended.status, ended.err) == (0, "err 0\n")


@pytest.mark.parametrize("rank", [0, 1])
def test_the_error_of_a_worker_is_that_of_the_command(run, workers, rank):
    folder = workers(
        f"if rank == {rank}:\n"
        "    print('first line', file=sys.stderr)\n"
        "    sys.exit(print('error: no clips', file=sys.stderr) or 5)\n"
        "Path('pid').write_text(str(os.getpid()))\n"
        "time.sleep(60)\n"
    )
    ended = run("launch", "--workers", "2", "--", "train", "x")
    assert ended.status == 5
    assert ended.err.splitlines()[-1] == f"error: no clips (worker {rank} of 2)"
    assert ended.err.count("error:") == 1
    if (folder / "pid").exists():  # else it was stopped before that
        pid = int((folder / "pid").read_text())
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)


def test_a_killed_worker_is_named(run, workers):
    workers(
        "if rank == 1:\n    os.kill(os.getpid(), signal.SIGKILL)\n"
        "time.sleep(0.3)\n"
        "sys.exit(print('error: another worker is lost', file=sys.stderr) or 7)\n"
    )
    ended = run("launch", "--workers", "2", "--", "train", "x")
    assert (ended.status, ended.err) == (
        1,
        "error: worker 1 of 2 was killed by SIGKILL; all are stopped: go on from the "
        "last checkpoint with --resume\n",
    )


def test_a_worker_that_ignores_the_end(run, workers, monkeypatch):
    monkeypatch.setattr(launch, "_PATIENCE", 0.5)
    folder = workers(
        "if rank == 1:\n"
        "    signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        "    Path('pid').write_text(str(os.getpid()))\n"
        "    time.sleep(60)\n"
        "while not Path('pid').exists():\n    time.sleep(0.01)\n"
        "sys.exit(3)\n"
    )
    ended = run("launch", "--workers", "2", "--", "train", "x")
    assert (ended.status, ended.err) == (3, "error: it said nothing (worker 0 of 2)\n")
    with pytest.raises(ProcessLookupError):
        os.kill(int((folder / "pid").read_text()), 0)


ASLEEP = ["sleep\n"] * 2


@pytest.mark.skipif(sys.platform != "linux", reason="children are found in /proc")
@pytest.mark.parametrize(
    ("number", "status"), [(signal.SIGINT, 130), (signal.SIGKILL, -signal.SIGKILL)]
)
def test_workers_end_with_the_command(tmp_path, number, status):
    program = (
        "import sys, time\nfrom asr.cli import launch\nfrom asr.cli.main import main\n"
        "launch._start.__globals__['sys'].executable = sys.argv[1]\n"
        "sys.exit(main(['launch', '--workers', '2', '--', 'train', 'x']))\n"
    )
    sleeper = tmp_path / "sleeper"
    sleeper.write_text("#!/bin/sh\nexec sleep 60\n")
    sleeper.chmod(0o755)
    process = subprocess.Popen(
        [sys.executable, "-c", program, sleeper],
        cwd=ROOT,
        stderr=subprocess.PIPE,
        # A shell starts what runs in the background without SIGINT.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )
    path = Path(f"/proc/{process.pid}/task/{process.pid}/children")
    children: list[str] = []
    while [Path(f"/proc/{pid}/comm").read_text() for pid in children] != ASLEEP:
        assert process.poll() is None
        time.sleep(0.02)
        children = path.read_text().split()
    process.send_signal(number)
    _, told = process.communicate(timeout=60)
    assert (process.returncode, told) == (status, b"")
    deadline = time.monotonic() + 60
    while any(Path(f"/proc/{pid}").exists() for pid in children):
        assert time.monotonic() < deadline  # the system ends those of a killed process
        time.sleep(0.02)


def test_only_trainings_are_launched(run):
    ended = run("launch", "--workers", "2", "--", "evaluate", "x")
    assert (ended.status, ended.out) == (2, "")
    assert "asr launch --workers 2 -- train RECIPE" in ended.err
