"""Small corpora of noise, written in the layouts that the readers read."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile


@pytest.fixture
def clip() -> Callable[..., Path]:
    """Return a function that writes a short recording, with its folders."""

    def write(path: Path, seconds: float = 0.5, rate: int = 8000) -> Path:
        path.parent.mkdir(parents=True, exist_ok=True)
        samples = np.random.default_rng(0).uniform(-0.1, 0.1, round(seconds * rate))
        soundfile.write(path, samples, rate)
        return path

    return write


@pytest.fixture
def text() -> Callable[[Path, str], Path]:
    """Return a function that writes a text file, with its folders."""

    def write(path: Path, content: str) -> Path:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content, "utf-8")
        return path

    return write
