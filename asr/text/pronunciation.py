"""Pronunciation lexicons in the format of CMUdict."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path

from asr.errors import DataError, quoted
from asr.files import atomic_write

Phones = tuple[str, ...]
Lexicon = Mapping[str, tuple[Phones, ...]]
"""Word -> pronunciations, the most usual one first."""


def read_lexicon(path: Path, normalize: Callable[[str], str]) -> Lexicon:
    """Read a pronunciation lexicon.

    Each line is a word and its phones, `tomato T AH0 M EY1 T OW2`. Further
    pronunciations are named `tomato(2)`. Stress digits are removed, as are comments
    after `#` and lines that begin with `;;;`.

    Args:
        path: The file, in UTF-8.
        normalize: Normaliser of the texts that are looked up. Entries that do not
            normalise to one word are left out.

    Raises:
        DataError: The file cannot be read, has no words, or a line has no phones or a
            phone without letters.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{path}: cannot read the lexicon: {error}") from error
    lexicon: dict[str, dict[Phones, None]] = {}
    for number, line in enumerate(lines, start=1):
        fields = line.partition("#")[0].split()
        if not fields or fields[0].startswith(";;;"):
            continue
        if len(fields) == 1:
            raise DataError(f"{path}:{number}: {quoted(fields[0])} has no phones")
        word = normalize(re.sub(r"\(\d+\)$", "", fields[0]))
        phones = tuple(field.rstrip("0123456789") for field in fields[1:])
        if not all(phones):
            raise DataError(
                f"{path}:{number}: a phone of {quoted(fields[0])} has no letters"
            )
        if len(word.split()) == 1:
            lexicon.setdefault(word, {})[phones] = None
    if not lexicon:
        raise DataError(f"{path}: a lexicon without words")
    return {word: tuple(pronunciations) for word, pronunciations in lexicon.items()}


def write_lexicon(path: Path, lexicon: Lexicon) -> None:
    """Write a lexicon; `read_lexicon` reads it.

    Raises:
        OutputError: The file cannot be written.
    """
    with atomic_write(path) as file:
        for word, pronunciations in lexicon.items():
            for number, phones in enumerate(pronunciations, start=1):
                name = word if number == 1 else f"{word}({number})"
                file.write(f"{name} {' '.join(phones)}\n")


def phones_of(text: str, lexicon: Lexicon) -> list[str] | None:
    """Return the usual phones of a text, or None if the lexicon lacks a word of it."""
    words = text.split()
    if not all(word in lexicon for word in words):
        return None
    return [phone for word in words for phone in lexicon[word][0]]


def inventory(lexicon: Lexicon) -> set[str]:
    """Return all phones of a lexicon."""
    return {phone for words in lexicon.values() for phones in words for phone in phones}
