"""Errors that users can act on, with an exit status for each kind."""

from __future__ import annotations

import re
import reprlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

_ADDRESS = re.compile(r"(?:^|/)([A-Za-z][A-Za-z0-9+.-]+):/+(.*)", re.DOTALL)


class AsrError(Exception):
    """Error that the user can act on: one line with its place and remedy.

    Attributes:
        exit_status: Exit status of the command line for this error.
    """

    exit_status = 1


class UsageError(AsrError):
    """The command line, or an argument of a public function, is not valid."""

    exit_status = 2


class RecipeError(AsrError):
    """A recipe, or a `--set` on top of it, is not valid."""

    exit_status = 3


class AudioError(AsrError):
    """A recording cannot be read, or contains no audio."""

    exit_status = 4


class DataError(AsrError):
    """A manifest, corpus or text file is missing, malformed or inconsistent."""

    exit_status = 5


class ModelError(AsrError):
    """A model folder is missing, damaged or made for another purpose."""

    exit_status = 6


class TrainingError(AsrError):
    """Training cannot go on; the last good checkpoint is intact."""

    exit_status = 7


class OutputError(AsrError):
    """A result cannot be written."""

    exit_status = 8


_TRAINING = ("keras", "matplotlib", "rouge_score", "sacrebleu", "tensorboard")
_SERVING = ("multipart", "python_multipart", "starlette", "uvicorn", "websockets")
EXTRAS = {
    **dict.fromkeys((*_TRAINING, "tensorflow"), "train"),
    **dict.fromkeys(_SERVING, "serve"),
    "ray": "cluster",
}
"""Extra of the distribution that installs each optional package."""


def install_hint(extra: str) -> str:
    """Return the command that installs an extra."""
    return f"pip install 'asr-attention[{extra}]'"


def address_in(path: str | Path) -> str | None:
    """Return the address that a path stands for, with the slashes `Path` dropped."""
    found = _ADDRESS.search(str(path))
    if not found:
        return None
    host = "/" if found[1] == "file" else ""  # an empty one
    return f"{found[1]}://{host}{found[2]}"


def cannot_read(path: str | Path, reason: str) -> str:
    """Return the message for a file that cannot be opened: an address has its own.

    Args:
        path: The file.
        reason: What is wrong with a path that is none.
    """
    if (address := address_in(path)) is None:
        return f"{path}: {reason}"
    return f"{address}: addresses are not read; download it, and name the file"


_MOST_QUOTED = 200  # characters
_SHORT = reprlib.Repr()
_SHORT.maxlevel = 3
_SHORT.maxstring = _SHORT.maxother = _SHORT.maxlong = _MOST_QUOTED


def quoted(value: Any) -> str:
    """Return the `repr` of a value for a message, cut to 200 characters."""
    text = _SHORT.repr(value)
    return text if len(text) <= _MOST_QUOTED else text[: _MOST_QUOTED - 3] + "..."


def did_you_mean(
    word: str, choices: Sequence[str], otherwise: str = "it takes one of"
) -> str:
    """Suggest the closest choice for an unknown word, to end an error message.

    Args:
        word: The unknown word.
        choices: All known words.
        otherwise: Text before the list of choices, where none is close.

    Returns:
        `; did you mean 'x'?`, or `; it takes one of: x, y`.
    """
    import difflib  # noqa: PLC0415 - start-up time

    # The time of the comparison grows with the product of the lengths.
    close = difflib.get_close_matches(word[:_MOST_QUOTED], choices, n=1)
    if close:
        return f"; did you mean {close[0]!r}?"
    return f"; {otherwise}: {', '.join(choices) or 'there are none'}"
