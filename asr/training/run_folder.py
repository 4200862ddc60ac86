"""Files of a run folder: recipe, lexicon, tokenizer."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Iterator
from pathlib import Path

import yaml

from asr.config.loading import parse_yaml
from asr.config.parsing import from_dict, to_dict
from asr.config.schema import Recipe
from asr.errors import ModelError, OutputError, RecipeError, TrainingError
from asr.files import atomic_write, read_text
from asr.text.normalizers import normalizer
from asr.text.pronunciation import Lexicon, read_lexicon
from asr.text.tokenizers import Tokenizer, read_tokenizer

RECIPE, CHECKPOINT, LOG = "recipe.yaml", "checkpoint.npz", "history.jsonl"
TRAIN, DEV, TOKENIZER, MODEL = "train.jsonl", "dev.jsonl", "tokenizer.json", "model"
LEXICON = "lexicon.txt"


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
    if not path.is_file():
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


def sweep(folder: Path) -> None:
    """Remove unfinished files of a run that was killed."""
    for temporary in folder.glob(".asr-*.tmp"):
        temporary.unlink(missing_ok=True)
    shutil.rmtree(folder / f"{MODEL}.new", ignore_errors=True)
    old = folder / f"{MODEL}.old"
    if old.is_dir() and not (folder / MODEL).exists():
        old.rename(folder / MODEL)  # it was killed between the two renames
    shutil.rmtree(old, ignore_errors=True)


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
