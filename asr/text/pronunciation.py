"""How words sound: a pronunciation dictionary in the format of CMUdict."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path

from asr.errors import DataError
from asr.files import atomic_write

Phones = tuple[str, ...]
Lexicon = Mapping[str, tuple[Phones, ...]]
"""The pronunciations of each word, the usual one first."""


def read_lexicon(path: Path, normalize: Callable[[str], str]) -> Lexicon:
    """Read a pronunciation dictionary.

    Each line is a word and its phones, `tomato T AH0 M EY1 T OW2`; another way to say
    it is named `tomato(2)`. Digits, which tell stress, are left out, and so is what
    follows `#` or a line's first `;;;`.

    Args:
        path: The file, in UTF-8.
        normalize: What the texts go through whose words are looked up. Entries that it
            makes no word, or several, are left out.

    Raises:
        DataError: The file cannot be read, or a line has no phones, or one without
            letters.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{path}: cannot read the lexicon: {error}") from error
    found: dict[str, dict[Phones, None]] = {}
    for number, line in enumerate(lines, start=1):
        fields = line.partition("#")[0].split()
        if not fields or fields[0].startswith(";;;"):
            continue
        if len(fields) == 1:
            raise DataError(f"{path}:{number}: {fields[0]!r} has no phones")
        word = normalize(re.sub(r"\(\d+\)$", "", fields[0]))
        phones = tuple(field.rstrip("0123456789") for field in fields[1:])
        if not all(phones):
            raise DataError(f"{path}:{number}: a phone of {fields[0]!r} has no letters")
        if word and len(word.split()) == 1:
            found.setdefault(word, {})[phones] = None
    if not found:
        raise DataError(f"{path}: a lexicon without words")
    return {word: tuple(pronunciations) for word, pronunciations in found.items()}


def write_lexicon(path: Path, lexicon: Lexicon) -> None:
    """Write a pronunciation dictionary that `read_lexicon` reads.

    Raises:
        OutputError: The file cannot be written.
    """
    with atomic_write(path) as file:
        for word, pronunciations in lexicon.items():
            for number, phones in enumerate(pronunciations, start=1):
                name = word if number == 1 else f"{word}({number})"
                file.write(f"{name} {' '.join(phones)}\n")


def phones_of(text: str, lexicon: Lexicon) -> list[str] | None:
    """Return how a text is usually said, or None where the lexicon lacks a word."""
    found = [lexicon.get(word) for word in text.split()]
    if not all(found):
        return None
    return [phone for spoken in found if spoken for phone in spoken[0]]


def inventory(lexicon: Lexicon) -> set[str]:
    """Return all phones that a lexicon uses."""
    return {phone for found in lexicon.values() for spoken in found for phone in spoken}
