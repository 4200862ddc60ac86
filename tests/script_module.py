"""Scripts of recipes and documents, which belong to no package."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

ROOT = Path(__file__).resolve().parent.parent


def script_module(name: str, folder: str = "recipes") -> ModuleType:
    """Return a script below `recipes`, such as `average.py`, as a module."""
    path = ROOT / folder / name
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
