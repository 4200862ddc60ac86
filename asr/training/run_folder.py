"""Files of a run folder: recipe, lexicon, tokenizer."""

from __future__ import annotations

import contextlib
import os
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

import yaml

from asr.config.loading import parse_yaml
from asr.config.parsing import from_dict, to_dict
from asr.config.schema import Recipe
from asr.errors import ModelError, OutputError, RecipeError, TrainingError
from asr.files import atomic_write, is_file, read_text, recover_folder
from asr.text.normalizers import normalizer
from asr.text.pronunciation import Lexicon, read_lexicon
from asr.text.tokenizers import Tokenizer, read_tokenizer

fcntl: Any
try:
    import fcntl
except ImportError:  # Windows has no such locks
    fcntl = None

RECIPE, CHECKPOINT, LOG = "recipe.yaml", "checkpoint.npz", "history.jsonl"
TRAIN, DEV, TOKENIZER, MODEL = "train.jsonl", "dev.jsonl", "tokenizer.json", "model"
LEXICON, LOCK = "lexicon.txt", ".lock"


def save_recipe(folder: Path, recipe: Recipe) -> None:
    """Write the resolved recipe of a run."""
    with atomic_write(folder / RECIPE) as file:
        yaml.safe_dump(to_dict(recipe), file, sort_keys=False, allow_unicode=True)


def load_run_recipe(folder: Path) -> Recipe:
    """Read the resolved recipe of a run.

    Raises:
        TrainingError: The folder is not a run folder.
        RecipeError: The recipe was changed into one that is not valid.
    """
    path = folder / RECIPE
    if not is_file(path):
        raise TrainingError(f"{folder}: not a run folder: it has no {RECIPE}")
    try:
        return from_dict(Recipe, parse_yaml(read_text(path)))
    except (OSError, UnicodeDecodeError, RecipeError) as error:
        raise RecipeError(f"{path}: {error}") from error


def load_run_lexicon(recipe: Recipe, folder: Path) -> Lexicon:
    """Read the lexicon of a run: the words of its training texts.

    Raises:
        DataError: It is missing or damaged.
    """
    if not recipe.data.lexicon:
        return {}
    return read_lexicon(folder / LEXICON, normalizer(recipe.data.normalizer))


def load_run_tokenizer(folder: Path) -> Tokenizer:
    """Read the tokenizer of a run.

    Raises:
        TrainingError: It is missing or damaged.
    """
    path = folder / TOKENIZER
    try:
        return read_tokenizer(path)
    except ModelError as error:
        raise TrainingError(
            f"{path}: missing or damaged: {error}; train again in another folder"
        ) from error


_held: set[Path] = set()  # folders that this process has locked


@contextlib.contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Keep a run folder for this process, and remove what a killed one left there.

    The folder is made if it does not exist. The lock ends with the process, however
    that ends. Inside of itself it does nothing.

    Raises:
        OutputError: The folder cannot be made.
        TrainingError: Another process has it; the message names that one.
    """
    path = folder.resolve() / LOCK
    if path in _held:
        yield
        return
    try:
        folder.mkdir(parents=True, exist_ok=True)
        file = path.open("a+", encoding="utf-8", errors="replace")
    except OSError as error:
        raise OutputError(f"cannot write into {folder}: {error.strerror}") from error
    with file:
        file.seek(0)
        before = file.read(200).strip()
        if not _lock(file):
            raise TrainingError(
                f"{folder}: in use by process {before or 'of another user'}; wait for "
                "it, or stop it"
            )
        sweep(folder, before.partition(" ")[0])
        file.truncate(0)
        file.write(f"{os.getpid()} on {socket.gethostname()}\n")
        file.flush()
        _held.add(path)
        try:
            yield
        finally:
            _held.discard(path)
            with contextlib.suppress(OSError):
                path.unlink()
            with contextlib.suppress(OSError):  # it holds a run, or nothing at all
                folder.rmdir()


def _lock(file: IO[str]) -> bool:
    """Lock a file, and return whether that is done and the file is still there."""
    if fcntl is None:
        return True
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return os.path.samestat(os.fstat(file.fileno()), os.stat(file.name))  # noqa: PTH116 - beside its fstat
    except OSError:
        return False


def sweep(folder: Path, process: str) -> None:
    """Remove unfinished files of a run that was killed.

    Args:
        folder: The run folder.
        process: Number of the process; its temporary files are removed.
    """
    if process.isdecimal():
        for temporary in folder.glob(f".asr-{process}-*.tmp"):
            temporary.unlink(missing_ok=True)
    recover_folder(folder / MODEL)


@contextlib.contextmanager
def report_failed_writes(folder: Path) -> Iterator[None]:
    """Turn a failed write of a run into an error with advice.

    Raises:
        TrainingError: A file could not be written; the last checkpoint is intact.
    """
    try:
        yield
    except (OutputError, OSError) as error:
        raise TrainingError(
            f"{error}; the last checkpoint is intact: free some space and go on with "
            f"`asr train --resume {folder}`"
        ) from error
