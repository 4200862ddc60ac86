"""Fixtures shared by all tests."""

from __future__ import annotations

import os
from pathlib import Path

# Before any test module imports TensorFlow: quiet, and deterministic kernels.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")

import pytest

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def root() -> Path:
    """The repository root."""
    return ROOT


@pytest.fixture(scope="session")
def data_root() -> Path:
    """The folder of public data that `ASR_DATA` names; skips the test without it."""
    value = os.environ.get("ASR_DATA")
    if not value:
        pytest.skip("ASR_DATA does not name a folder of recorded speech")
    path = Path(value)
    if not path.is_dir():
        pytest.skip(f"ASR_DATA names {path}, which is not a folder")
    return path


@pytest.fixture(scope="session")
def speech_data(data_root: Path) -> Path:
    """`$ASR_DATA/speech`: corpora in their own layouts (see CONTRIBUTING.md)."""
    path = data_root / "speech"
    if not path.is_dir():
        pytest.skip(f"{path} is not a folder")
    return path


@pytest.fixture(scope="session")
def samples() -> Path:
    """The bundled sample recordings."""
    return ROOT / "data" / "samples"
