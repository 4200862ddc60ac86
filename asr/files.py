"""Paths of bundled recipes and models; writing of files, complete or not at all."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, Literal

from asr.errors import (
    ModelError,
    OutputError,
    RecipeError,
    address_in,
    cannot_read,
    did_you_mean,
    quoted,
)

CONFIG, WEIGHTS = "config.json", "model.weights.npz"
"""Files of a model folder; see `asr.storage.model_folder`."""

RESTORER = "restore"
"""Bundled model that writes case and punctuation."""

_PACKAGE = Path(__file__).resolve().parent
_NOT_CLOSE = "give a path or one of"


def share() -> Path:
    """Return the folder of `recipes` and `data`.

    It is `asr/share` in an installed wheel, and the repository root in a checkout.
    """
    installed = _PACKAGE / "share"
    return installed if installed.is_dir() else _PACKAGE.parent


def models_dir() -> Path:
    """Return the folder of the bundled models; it may not exist."""
    return share() / "data" / "models"


def bundled_models() -> dict[str, Path]:
    """Return the bundled models: name -> folder."""
    configs = sorted(models_dir().glob(f"*/{CONFIG}"))
    return {config.parent.name: config.parent for config in configs}


def data_directory() -> Path:
    """Return the data directory: `ASR_DATA`, or the current directory."""
    return Path(os.environ.get("ASR_DATA", "."))


def is_file(path: Path) -> bool:
    """Return whether there is a file; a path that is too long has none."""
    try:
        return path.is_file()
    except (OSError, ValueError):
        return False


def is_there(path: Path) -> bool:
    """Return whether anything has this path; a malformed path has nothing."""
    try:
        return path.exists()
    except (OSError, ValueError):
        return False


def is_folder(path: Path) -> bool:
    """Return whether there is a folder; a path that is too long has none."""
    try:
        return path.is_dir()
    except (OSError, ValueError):
        return False


def model_path(name: str | Path) -> Path:
    """Find a model folder by its path, or by the name of a bundled model.

    Args:
        name: A model folder, a run folder with the folder `model`, or a bundled model
            such as `english`.

    Raises:
        ModelError: Neither a folder nor a bundled model has this name.
    """
    path = Path(name)
    bundled = bundled_models()
    # A run folder may have the name of a bundled model; it has no config.json.
    named = str(name) in bundled
    if _holds(path.is_dir) and ((path / CONFIG).exists() or not named):
        inner = path / "model"
        is_run = (inner / CONFIG).exists()
        return inner if is_run and not (path / CONFIG).exists() else path
    if named:
        return bundled[str(name)]
    if address_in(name):
        raise ModelError(cannot_read(name, ""))
    raise ModelError(
        f"no model {_cut(name)}{did_you_mean(str(name), list(bundled), _NOT_CLOSE)}"
    )


def _holds(condition: Callable[[], bool]) -> bool:
    """Return a condition of a path; a name that no file can have meets none."""
    try:
        return condition()
    except (OSError, ValueError):
        return False


def _cut(name: str | Path) -> str:
    return quoted(str(name))[1:-1]


def model_task(name: str | Path) -> str:
    """Return the task of a model without loading it.

    Args:
        name: See `model_path`.

    Raises:
        ModelError: The model is missing, or its configuration is not readable.
    """
    path = model_path(name) / CONFIG
    try:
        task = _config(path)["task"]
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise ModelError(f"{path}: not a readable model configuration") from error
    return str(task)


def weights_of_models(*names: str) -> list[Path]:
    """Return the weights of models, and of the language models that they name.

    What cannot be found is left out.
    """
    found = []
    for name in names:
        with contextlib.suppress(
            ModelError, OSError, ValueError, KeyError, TypeError, RecursionError
        ):
            folder = model_path(name)
            found.append(folder / WEIGHTS)
            own = _config(folder / CONFIG)["decoding"]["language_model"]
            found.append(model_path(own) / WEIGHTS)
    return [path for path in found if is_file(path)]


def _config(path: Path) -> Any:
    """Return the content of `config.json`; it is not checked."""
    if not path.is_file():
        raise OSError
    with path.open("rb") as file:
        return json.loads(file.read(10_000_000))


def recipe_path(name: str | Path) -> Path:
    """Find a recipe by its path, or by the name of a shipped recipe.

    Args:
        name: A YAML file, or a shipped recipe such as `an4` or `librispeech/mini`.

    Raises:
        RecipeError: Neither a file nor a shipped recipe has this name.
    """
    path = Path(name)
    if _holds(path.is_file):
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
        f"no recipe {_cut(name)}{did_you_mean(wanted, list(shipped), _NOT_CLOSE)}"
    )


LARGEST_TEXT = 10_000_000
"""Bytes of a text file of a model or run folder."""


def read_text(path: Path, largest: int = LARGEST_TEXT) -> str:
    """Read a plain file of limited size as UTF-8; a device would never end.

    Raises:
        OSError: It cannot be read, is no plain file, or is larger.
        UnicodeDecodeError: It is not UTF-8.
    """
    if not stat.S_ISREG(path.stat().st_mode):  # opening a pipe would wait
        raise OSError("not a plain file")
    with path.open("rb") as file:
        content = file.read(largest + 1)
    if len(content) > largest:
        raise OSError(f"larger than {largest:,} bytes")
    return content.decode()


def unread_reason(error: OSError | UnicodeDecodeError) -> str:
    """Return why `read_text` could not read a file."""
    if isinstance(error, UnicodeDecodeError):
        return "not UTF-8 text"
    return error.strerror or str(error)


def walk(
    folder: Path, onerror: Callable[[OSError], None]
) -> Iterator[tuple[str, list[str], list[str]]]:
    """Walk through a folder like `os.walk`, however deeply its folders are nested."""
    waiting = [str(folder)]
    while waiting:
        # os.walk calls itself for each level; its first result has one level alone.
        found = next(os.walk(waiting.pop(), onerror=onerror), None)
        if found:
            yield found
            links = (Path(found[0], name) for name in sorted(found[1], reverse=True))
            waiting += [str(path) for path in links if not path.is_symlink()]


def check_folder(folder: Path) -> None:
    """Check that files can be written into a folder.

    Raises:
        OutputError: The folder is missing or not writable.
    """
    if not folder.is_dir():
        raise OutputError(f"there is no folder {folder} to write into; create it")
    if not os.access(folder, os.W_OK | os.X_OK):
        raise OutputError(f"cannot write into the folder {folder}: not permitted")


@contextmanager
def atomic_write(path: str | Path, mode: Literal["w", "wb"] = "w") -> Iterator[IO[Any]]:
    r"""Open a file that gets its name only when it is complete.

    The content goes to a temporary file in the same folder. At the end of the `with`
    block it is flushed to the disk and renamed. If the block raises, the temporary file
    is removed and an old file of the name is unchanged.

    Args:
        path: The file to create or replace; its folder must exist.
        mode: `"w"` for UTF-8 text with `\n` line ends, `"wb"` for bytes.

    Raises:
        OutputError: The file cannot be written (no folder, no permission, no space), or
            `path` is not a plain file.
    """
    final = Path(path).resolve()  # replaces the target of a link
    if final.exists() and not final.is_file():
        raise OutputError(f"cannot write {path}: it is not a plain file")
    # PATH.tmp could be longer than the 255 bytes that a name may have. The number of
    # the process tells whose it is if that is killed.
    temporary = final.with_name(f".asr-{os.getpid()}-{os.urandom(6).hex()}.tmp")
    text: dict[str, Any] = {}
    if mode == "w":
        # File names that are not UTF-8 contain surrogates, which JSON can escape.
        text = {"encoding": "utf-8", "errors": "backslashreplace", "newline": "\n"}
    try:
        with temporary.open(mode, **text) as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(final)
    except OSError as error:
        # Another file name: the error comes from code inside the block.
        if error.filename not in (None, str(temporary)):
            raise
        reason = error.strerror or str(error)
        raise OutputError(f"cannot write {path}: {reason}") from error
    finally:
        with contextlib.suppress(OSError):  # a read-only file system
            temporary.unlink(missing_ok=True)


@contextmanager
def replaced_folder(folder: Path) -> Iterator[Path]:
    """Yield a path for a new folder, which replaces `folder` at the end of the block.

    Args:
        folder: Folder to create or replace; unchanged until the block ends, and if the
            block raises.
    """
    folder = folder.resolve()
    new, old = _unfinished(folder)
    recover_folder(folder)
    try:
        yield new
        if folder.exists():
            folder.rename(old)
        new.rename(folder)
    finally:
        recover_folder(folder)


def recover_folder(folder: Path) -> None:
    """Remove what `replaced_folder` left when it was killed; keep one whole folder."""
    new, old = _unfinished(folder)
    shutil.rmtree(new, ignore_errors=True)
    if old.is_dir() and not folder.exists():
        old.rename(folder)  # between the two renames
    shutil.rmtree(old, ignore_errors=True)


def _unfinished(folder: Path) -> tuple[Path, Path]:
    """Return the names of a folder before it is finished, and when it is replaced."""
    return (
        folder.with_name(f".asr-{folder.name}.new"),
        folder.with_name(f".asr-{folder.name}.old"),
    )
