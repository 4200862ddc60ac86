"""`asr run digits` from start to end: minutes, and the score on the test part."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from pathlib import Path

import harness

from asr.reports.run_page import SCORES


def main() -> None:
    """Run the benchmark."""
    harness.announce()
    with tempfile.TemporaryDirectory() as folder:
        run = Path(folder) / "digits"
        began = time.monotonic()
        subprocess.run(
            [sys.executable, "-m", "asr", "run", "digits", "--output", str(run)],
            cwd=harness.ROOT,
            check=True,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        minutes = (time.monotonic() - began) / 60
        (scores,) = (run / SCORES).glob("*.txt")
        print(scores.read_text(encoding="utf-8").rstrip())
    harness.verdict("minutes, all in all", minutes, 4.0, below=True)


if __name__ == "__main__":
    main()
