"""Every error the product raises on purpose, one exit status for each kind."""

from __future__ import annotations

import difflib
from collections.abc import Sequence


class AsrError(Exception):
    """Something the user can act on: one line that says what, where and what to do.

    Attributes:
        exit_status: What the command line exits with when this error ends the program.
    """

    exit_status = 1


class UsageError(AsrError):
    """The command line or an argument of a public function makes no sense."""

    exit_status = 2


class RecipeError(AsrError):
    """A recipe, or a `--set` on top of it, is not valid."""

    exit_status = 3


class AudioError(AsrError):
    """A recording cannot be read, or holds nothing that can be recognised."""

    exit_status = 4


class DataError(AsrError):
    """A manifest, corpus or text file is missing, malformed or inconsistent."""

    exit_status = 5


class ModelError(AsrError):
    """A model folder is missing, damaged or made for something else."""

    exit_status = 6


class TrainingError(AsrError):
    """Training cannot go on; the last good checkpoint is intact."""

    exit_status = 7


class OutputError(AsrError):
    """A result cannot be written."""

    exit_status = 8


def did_you_mean(word: str, choices: Sequence[str]) -> str:
    """Return `; did you mean 'x'?` for the closest choice, or the list of choices."""
    close = difflib.get_close_matches(word, choices, n=1)
    if close:
        return f"; did you mean {close[0]!r}?"
    return f"; it takes one of: {', '.join(choices)}"
