"""Runs a module of the tests on JAX: Keras has one backend in a process."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

needs_jax = pytest.mark.skipif(
    importlib.util.find_spec("jax") is None, reason="JAX is not installed"
)


def run_on_jax(root: Path, module: str, *arguments: Path) -> dict[str, np.ndarray]:
    """Return the arrays that a module writes into the last of its arguments."""
    process = subprocess.run(
        [sys.executable, "-m", module, *arguments],
        cwd=root,
        env={**os.environ, "KERAS_BACKEND": "jax", "JAX_PLATFORMS": "cpu"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert process.returncode == 0, process.stderr[-3000:]
    with np.load(arguments[-1]) as stored:
        results = dict(stored)
    assert results.pop("backend") == "jax"
    return results
