"""A few mutated inputs of each kind of `benchmarks/fuzz.py`."""

from __future__ import annotations

import subprocess
import sys

import pytest


@pytest.mark.parametrize(
    "kind", ["recordings", "scores", "recipes", "manifests", "models"]
)
def test_mutated_inputs(root, kind):
    program = root / "benchmarks" / "fuzz.py"
    done = subprocess.run(
        [sys.executable, program, "--kind", kind, "--count", "12", "--seed", "5"],
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"{kind}: 12 inputs, 0 problems" in done.stdout
