"""Common code of the benchmarks: checkout, hardware line, venvs of baselines."""

from __future__ import annotations

import os
import platform
import re
import shlex
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))  # measure the checkout

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")


def announce() -> None:
    """Print the command, the hardware and the load of the machine."""
    print(f"$ python {shlex.join(sys.argv)}")
    load = os.getloadavg()[0]
    print(
        f"hardware: {_processor()}, {os.cpu_count()} cores, {_memory_gb():.0f} GB; "
        f"Python {platform.python_version()}; load before the run {load:.1f}"
    )


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


def _memory_gb() -> float:
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9


def verdict(name: str, value: float, target: float, *, below: bool) -> None:
    """Print a figure with its target."""
    met = value <= target if below else value >= target
    sign = "<=" if below else ">="
    print(
        f"{name}: {value:.3g} (target {sign} {target:g}: {'met' if met else 'MISSED'})"
    )


def timed(rounds: int, work: Callable[[], Any]) -> dict[str, Any]:
    """Time some work, after one warm-up round.

    Returns:
        Median wall-clock seconds (`clock`), median processor seconds of all threads
        (`processor`), and the `result` of the work.
    """
    result = work()
    clock, processor = [], []
    for _ in range(rounds):
        start, used = time.perf_counter(), time.process_time()
        work()
        clock.append(time.perf_counter() - start)
        processor.append(time.process_time() - used)
    return {
        "clock": statistics.median(clock),
        "processor": statistics.median(processor),
        "result": result,
    }


def whole_process(
    command: Sequence[object],
    folder: Path | None = None,
    environment: dict[str, str] | None = None,
) -> dict[str, Any]:
    """Run a command; exit if it fails.

    Args:
        command: Program and arguments.
        folder: Where it runs; here by default.
        environment: Variables beside those of this process.

    Returns:
        Its standard output (`output`, bytes), wall-clock seconds (`all`), processor
        seconds (`processor`) and peak memory in MiB (`megabytes`). The peak is at least
        that of this process, so keep this one small.
    """
    begin = time.perf_counter()
    with tempfile.TemporaryFile() as output:
        arguments = [str(part) for part in command]
        variables = {**os.environ, **(environment or {})}
        process = subprocess.Popen(arguments, cwd=folder, stdout=output, env=variables)
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - begin
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            sys.exit(f"{shlex.join(arguments)}: status {process.returncode}")
        output.seek(0)
        return {
            "output": output.read(),
            "all": seconds,
            "processor": usage.ru_utime + usage.ru_stime,
            "megabytes": usage.ru_maxrss / 1024,
        }


def noise(kind: str, size: int, rate: int) -> np.ndarray:
    """Return `white`, `pink` or `brown` noise with a power of 1, (size,)."""
    slope = {"white": 0.0, "pink": 1.0, "brown": 2.0}[kind]
    spectrum = np.fft.rfft(np.random.default_rng(2).standard_normal(size))
    frequencies = np.maximum(np.fft.rfftfreq(size, 1 / rate), 20.0)
    sound = np.fft.irfft(spectrum * frequencies ** (-slope / 2), size)
    return sound / sound.std()


def textgrid_words(path: Path) -> list[tuple[float, float, str]]:
    """Return start, end and text of each word in a TextGrid of dev-aligned."""
    tier, _ = path.read_text(encoding="utf-8").split('name = "phones"')
    items = re.findall(r'xmin = ([\d.]+)\s+xmax = ([\d.]+)\s+text = "(.*)"', tier)
    return [(float(start), float(end), word) for start, end, word in items if word]


def speech(*parts: str) -> Path:
    """Return a folder of `$ASR_DATA/speech`; exit with a message if it is missing."""
    root = os.environ.get("ASR_DATA")
    path = Path(root or ".", "speech", *parts)
    if root is None or not path.exists():
        sys.exit(f"{path}: missing; set ASR_DATA to the folder that holds speech/")
    return path


def python_of(given: Path | None, name: str, requirements: list[str]) -> Path:
    """Return the interpreter of a baseline's venv, created on first use.

    Args:
        given: Interpreter to use instead, or None.
        name: Name of the venv, below `~/.cache/asr-benchmarks`.
        requirements: Packages that pip installs into it.
    """
    if given is not None:
        return given
    folder = Path.home() / ".cache" / "asr-benchmarks" / name
    python = folder / "bin" / "python"
    marker = folder / "complete"
    if not marker.exists():
        print(f"installing {' '.join(requirements)} into {folder}", file=sys.stderr)
        subprocess.run([sys.executable, "-m", "venv", "--clear", folder], check=True)
        subprocess.run(
            [python, "-m", "pip", "install", "--quiet", *requirements], check=True
        )
        marker.touch()
    return python
