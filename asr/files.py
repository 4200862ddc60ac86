"""Where shipped recipes, samples and models live, and the one way to write a file."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, Literal

from asr.errors import ModelError, OutputError, RecipeError, did_you_mean

_PACKAGE = Path(__file__).resolve().parent
_NOT_CLOSE = "give a path or one of"


def share() -> Path:
    """Find the folder that holds `recipes` and `data`.

    Returns:
        `asr/share` in an installed wheel, the repository root in a checkout.
    """
    installed = _PACKAGE / "share"
    return installed if installed.is_dir() else _PACKAGE.parent


def models_dir() -> Path:
    """Return the folder of bundled models, one folder a model; it may not exist."""
    return share() / "data" / "models"


def bundled_models() -> dict[str, Path]:
    """Return the folder of each bundled model, by its name."""
    configs = sorted(models_dir().glob("*/config.json"))
    return {config.parent.name: config.parent for config in configs}


def data_directory() -> Path:
    """Return the folder that holds corpora: `ASR_DATA`, or the one we are in."""
    return Path(os.environ.get("ASR_DATA", "."))


def model_path(name: str | Path) -> Path:
    """Find a model folder by its path or by the name of a bundled one.

    Args:
        name: A folder, or a bundled model such as `english`.

    Returns:
        The model's folder.

    Raises:
        ModelError: There is no such folder and no bundled model of that name.
    """
    path = Path(name)
    bundled = bundled_models()
    # A run's folder may have a bundled model's name, and holds the model further down.
    if path.is_dir() and ((path / "config.json").exists() or str(name) not in bundled):
        return path
    if str(name) in bundled:
        return bundled[str(name)]
    raise ModelError(
        f"no model {name}{did_you_mean(str(name), list(bundled), _NOT_CLOSE)}"
    )


def model_task(name: str | Path) -> str:
    """Return the task of a model without loading it.

    Args:
        name: As in `model_path`.

    Raises:
        ModelError: There is no such model, or it does not say.
    """
    path = model_path(name) / "config.json"
    try:
        if not path.is_file():
            raise OSError
        with path.open("rb") as file:
            task = json.loads(file.read(10_000_000))["task"]
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise ModelError(f"{path}: not a readable model configuration") from error
    return str(task)


def recipe_path(name: str | Path) -> Path:
    """Find a recipe by its file or by the name of a shipped one.

    Args:
        name: A YAML file, or a shipped recipe such as `an4` or `librispeech/mini`.

    Returns:
        The recipe's file.

    Raises:
        RecipeError: There is no such file and no shipped recipe of that name.
    """
    path = Path(name)
    if path.is_file():
        return path
    folder = share() / "recipes"
    files = sorted(folder.rglob("*.yaml"))
    shipped = {
        file.relative_to(folder).with_suffix("").as_posix(): file for file in files
    }
    wanted = path.with_suffix("").as_posix() if path.suffix == ".yaml" else str(name)
    if wanted in shipped:
        return shipped[wanted]
    raise RecipeError(
        f"no recipe {name}{did_you_mean(wanted, list(shipped), _NOT_CLOSE)}"
    )


def check_folder(folder: Path) -> None:
    """Make sure that files can be written into a folder.

    Raises:
        OutputError: It is not there, or not open to us.
    """
    if not folder.is_dir():
        raise OutputError(f"there is no folder {folder} to write into")
    if not os.access(folder, os.W_OK | os.X_OK):
        raise OutputError(f"cannot write into the folder {folder}: not permitted")


@contextmanager
def atomic_write(path: str | Path, mode: Literal["w", "wb"] = "w") -> Iterator[IO[Any]]:
    r"""Open a file that appears under its name only when complete.

    What is written goes to a temporary name in the same folder, is flushed to the disk
    and takes the final name when the `with` block ends. If the block raises, the
    temporary file is removed and whatever stood under the name before is untouched.

    Args:
        path: The file to create or replace; its folder must exist.
        mode: `"w"` for UTF-8 text with `\n` line ends, `"wb"` for bytes.

    Yields:
        The open file.

    Raises:
        OutputError: The file cannot be written (no folder, no right, no space), or the
            name belongs to something that is not a plain file.
    """
    final = Path(path).resolve()  # through a link: its target is what gets replaced
    if final.exists() and not final.is_file():
        raise OutputError(f"cannot write {path}: it is not a plain file")
    # A short name of its own: PATH.tmp could pass the 255 bytes a name may have.
    temporary = final.with_name(f".asr-{secrets.token_hex(6)}.tmp")
    text: dict[str, Any] = {}
    if mode == "w":
        # A file name that is not UTF-8 holds surrogates, which JSON can escape.
        text = {"encoding": "utf-8", "errors": "backslashreplace", "newline": "\n"}
    try:
        with temporary.open(mode, **text) as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(final)
    except OSError as error:
        # A name of its own means that some other file failed inside the block.
        if error.filename not in (None, str(temporary)):
            raise
        reason = error.strerror or str(error)
        raise OutputError(f"cannot write {path}: {reason}") from error
    finally:
        temporary.unlink(missing_ok=True)


@contextlib.contextmanager
def replaced_folder(folder: Path) -> Iterator[Path]:
    """Give a folder to fill, which takes the place of another one when that is done.

    Args:
        folder: What it will be called; what is there stays as it is until then.

    Yields:
        A name that does not exist.
    """
    new, old = folder.with_suffix(".new"), folder.with_suffix(".old")
    shutil.rmtree(new, ignore_errors=True)
    yield new
    shutil.rmtree(old, ignore_errors=True)
    if folder.exists():
        folder.rename(old)
    new.rename(folder)
    shutil.rmtree(old, ignore_errors=True)
