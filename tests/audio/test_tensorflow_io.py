"""Decoding in a graph, in the environment that tensorflow-io needs.

`ASR_TFIO_PYTHON` names the interpreter of an environment with the extra `tfio`. The
checks themselves are functions of `tensorflow_io_check.py`.
"""

from __future__ import annotations

import ast
import importlib.util
import os
import subprocess
import sys
import types
from pathlib import Path

import pytest

from asr.audio import tensorflow_io
from asr.errors import UsageError

PROGRAM = Path(__file__).with_name("tensorflow_io_check.py")


def names() -> list[str]:
    """Names in CHECKS; the module itself cannot be imported here."""
    for node in ast.parse(PROGRAM.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "CHECKS":
            return [ast.unparse(item) for item in node.value.elts]
    raise AssertionError(f"no CHECKS in {PROGRAM}")


@pytest.fixture(scope="module")
def results() -> dict[str, str]:
    python = os.environ.get("ASR_TFIO_PYTHON")
    if not python:
        pytest.skip("ASR_TFIO_PYTHON names no interpreter with the extra tfio")
    done = subprocess.run(
        [python, PROGRAM], capture_output=True, text=True, check=False, timeout=600
    )
    assert done.returncode == 0, done.stderr
    return dict(line.split("\t", 1) for line in done.stdout.splitlines())


@pytest.mark.parametrize("check", names())
def test_in_its_own_environment(results, check):
    assert results[check] == "ok"


def test_without_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "tensorflow_io", None)
    for use in (
        lambda: tensorflow_io.decode_audio(b""),
        lambda: tensorflow_io.files_dataset(["a.wav"]),
        tensorflow_io.register_operations,
    ):
        with pytest.raises(UsageError, match=r"pip install 'asr-attention\[tfio\]'"):
            use()


@pytest.mark.skipif(
    importlib.util.find_spec("tensorflow") is None, reason="there is no TensorFlow"
)
def test_beside_a_newer_tensorflow(monkeypatch):
    import tensorflow as tf

    monkeypatch.setitem(sys.modules, "tensorflow_io", types.ModuleType("tensorflow_io"))
    monkeypatch.setattr(tf, "__version__", "2.21.0")
    with pytest.raises(UsageError, match=r"needs TensorFlow 2\.16\.\*, this is 2\.21"):
        tensorflow_io.decode_audio(b"")
