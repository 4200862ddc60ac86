"""Start-up time of the program against bare Python; imports of TensorFlow."""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import time

import harness

HELP = 0.3  # seconds
ASR = "import sys; from asr.cli.main import main; status = main(sys.argv[1:]); "
LOADED = (
    "print([m for m in ('tensorflow', 'keras') if m in sys.modules], file=sys.stderr)"
)


def run(arguments: list[str]) -> tuple[float, str]:
    """Run Python in the checkout; return seconds and the last line of stderr."""
    start = time.perf_counter()
    done = subprocess.run(
        [sys.executable, *arguments],
        cwd=harness.ROOT,
        check=True,
        capture_output=True,
        text=True,
    )
    lines = done.stderr.splitlines()
    return time.perf_counter() - start, lines[-1] if lines else ""


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="3 runs of each")
    parser.add_argument("--runs", type=int, default=10)
    options = parser.parse_args()
    runs = 3 if options.quick else options.runs
    harness.announce()
    programs = {
        "python -c pass": ["-c", "pass"],
        "python -c 'import asr'": ["-c", "import asr"],
        "asr --help": ["-m", "asr", "--help"],
        "asr score --help": ["-m", "asr", "score", "--help"],
        "asr prepare --help": ["-m", "asr", "prepare", "--help"],
    }
    times: dict[str, list[float]] = {name: [] for name in programs}
    for _ in range(runs):  # in turn, so that disturbances affect all programs
        for name, arguments in programs.items():
            times[name].append(run(arguments)[0])
    medians = {name: statistics.median(values) for name, values in times.items()}
    bare = medians["python -c pass"]
    for name, seconds in medians.items():
        print(f"{name}: {seconds:.3f} s, ratio to bare Python {seconds / bare:.1f}")
    harness.verdict("asr --help, seconds", medians["asr --help"], HELP, below=True)
    for command in ("score", "prepare"):
        _, loaded = run(["-c", ASR + LOADED, command, "--help"])
        met = "met" if loaded == "[]" else "MISSED"
        print(f"asr {command} --help imports of TensorFlow, Keras: {loaded} ({met})")


if __name__ == "__main__":
    main()
