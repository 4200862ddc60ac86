"""Exports a model folder for other programs: `export`."""

from __future__ import annotations

import importlib
import os
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

from asr.config.schema import LANGUAGE_MODEL
from asr.deployment.contents import README, readme, write_tokens
from asr.errors import (
    EXTRAS,
    ModelError,
    OutputError,
    UsageError,
    did_you_mean,
    install_hint,
)
from asr.files import CONFIG, atomic_write, check_folder, model_path, model_task
from asr.storage.model_folder import read_model

FORMATS = {
    "onnx": "asr.deployment.onnx_files",
    "savedmodel": "asr.deployment.saved_model",
    "litert": "asr.deployment.litert",
}
"""Format -> module with the function `write`."""

_RUN_MODEL = "model"  # folder of the model in a run folder


def export(model: str | Path, format: str, output: str | Path) -> Path:
    """Export a model for programs without `asr`.

    The folder gets the network in the format, the tokens, and a README.md with inputs,
    outputs and an example.

    Args:
        model: A bundled model, a model folder, or a run folder.
        format: `onnx`, or, with the extra `train`, `savedmodel` or `litert`.
        output: Folder to create; it may exist if it is empty.

    Returns:
        The folder.

    Raises:
        ModelError: There is no such model, it is a language model, or the format cannot
            hold it.
        OutputError: The folder is not empty, or cannot be written.
        UsageError: There is no such format, or it needs the extra `train`.
    """
    writer = _writer(format)
    target = Path(output).resolve()
    _check(target)
    source = _model_folder(model)
    loaded = read_model(source)
    if loaded.config.model.decoder.start == "encoder":
        raise ModelError(
            f"{model}: cannot be exported: its decoder starts from the encoder's state"
        )
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        check_folder(target.parent)
        with tempfile.TemporaryDirectory(dir=target.parent, prefix=".asr-") as parent:
            folder = Path(parent) / "export"
            folder.mkdir()
            files = write_tokens(folder, loaded)
            contents = writer.write(source, loaded, folder)
            contents = replace(contents, files={**contents.files, **files})
            with atomic_write(folder / README) as file:
                file.write(readme(loaded, contents))
            folder.replace(target)
    except OSError as error:
        reason = error.strerror or str(error)
        raise OutputError(f"cannot write {output}: {reason}") from error
    return Path(output)


def _writer(name: str) -> Any:
    """Return the module that writes a format."""
    if name not in FORMATS:
        raise UsageError(f"no format {name!r}{did_you_mean(name, list(FORMATS))}")
    try:
        return importlib.import_module(FORMATS[name])
    except ModuleNotFoundError as error:
        package = (error.name or "").partition(".")[0]
        if package not in EXTRAS:
            raise
        hint = install_hint(EXTRAS[package])
        raise UsageError(
            f"the format {name} needs the package {package}: {hint}"
        ) from error


def _check(target: Path) -> None:
    """Refuse a path that something is in already."""
    if target.is_dir() and not os.access(target, os.R_OK | os.W_OK | os.X_OK):
        raise OutputError(f"cannot write into the folder {target}: not permitted")
    if target.exists() and not (target.is_dir() and not any(target.iterdir())):
        raise OutputError(f"{target}: exists and is not empty; choose another --output")


def _model_folder(name: str | Path) -> Path:
    """Find a model folder by its path, by its run, or by a bundled name."""
    path = model_path(name)
    if not (path / CONFIG).exists() and (path / _RUN_MODEL / CONFIG).exists():
        path = path / _RUN_MODEL
    if model_task(path) == LANGUAGE_MODEL:
        raise ModelError(
            f"{name}: a language model has no network to export; "
            "asr arpa exports its n-grams"
        )
    return path
