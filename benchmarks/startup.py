"""Whole commands from start to end: seconds and peak memory, against bare imports."""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import tempfile

import harness

SAMPLE = "data/samples/river.wav"
TARGETS = {  # seconds, and megabytes
    "asr --help": (0.1, 100),
    f"asr transcribe {SAMPLE}": (0.5, 150),
    "asr translate 'It is late.'": (0.6, 150),
}
RATIO = 4.0  # of a transcription to the imports that every command has
HEAVY = ("tensorflow", "keras", "librosa", "matplotlib")


def run(arguments: list[str], cache: str) -> tuple[float, float]:
    """Run Python in the checkout; return seconds and megabytes (MiB).

    Bytecode is kept in a folder, as an installation keeps it beside the modules.
    """
    variables = {"PYTHONPYCACHEPREFIX": cache, "PYTHONDONTWRITEBYTECODE": ""}
    command = [sys.executable, *arguments]
    figures = harness.whole_process(command, harness.ROOT, variables)
    return figures["all"], figures["megabytes"]


def heavy_imports(command: list[str]) -> str:
    """Return which of the heavy packages a command imports."""
    program = (
        "import sys; from asr.cli.main import main; main(sys.argv[1:]); "
        f"print([m for m in {HEAVY} if m in sys.modules], file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, *command],
        cwd=harness.ROOT,
        check=True,
        capture_output=True,
        text=True,
    )
    return done.stderr.splitlines()[-1]


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="3 runs of each")
    parser.add_argument("--runs", type=int, default=10)
    options = parser.parse_args()
    runs = 3 if options.quick else options.runs
    harness.announce()
    bare = "python -c 'import numpy, click'"
    programs = {
        bare: ["-c", "import numpy, click"],
        "python -c 'import asr'": ["-c", "import asr"],
        "asr --help": ["-m", "asr", "--help"],
        f"asr transcribe {SAMPLE}": ["-m", "asr", "transcribe", SAMPLE],
        "asr translate 'It is late.'": ["-m", "asr", "translate", "It is late."],
    }
    figures: dict[str, list[tuple[float, float]]] = {name: [] for name in programs}
    with tempfile.TemporaryDirectory() as cache:
        for arguments in programs.values():
            run(arguments, cache)  # compiles the modules
        for _ in range(runs):  # in turn, so that disturbances affect all programs
            for name, arguments in programs.items():
                figures[name].append(run(arguments, cache))
    seconds = {name: statistics.median(s for s, _ in f) for name, f in figures.items()}
    for name, found in figures.items():
        fastest, memory = min(s for s, _ in found), max(m for _, m in found)
        print(
            f"{name}: {seconds[name]:.3f} s (fastest {fastest:.3f}), {memory:.0f} MB, "
            f"ratio to {bare} {seconds[name] / seconds[bare]:.2f}"
        )
    for name, (most_seconds, most_memory) in TARGETS.items():
        harness.verdict(f"{name}, seconds", seconds[name], most_seconds, below=True)
        memory = max(m for _, m in figures[name])
        harness.verdict(f"{name}, megabytes", memory, most_memory, below=True)
    ratio = seconds[f"asr transcribe {SAMPLE}"] / seconds[bare]
    harness.verdict(f"asr transcribe, ratio to {bare}", ratio, RATIO, below=True)
    for command in (["transcribe", SAMPLE], ["score", "--help"], ["prepare", "--help"]):
        loaded = heavy_imports(command)
        met = "met" if loaded == "[]" else "MISSED"
        print(
            f"asr {' '.join(command)} imports of {', '.join(HEAVY)}: {loaded} ({met})"
        )


if __name__ == "__main__":
    main()
