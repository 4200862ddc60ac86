"""Tokenizers of characters, labels and symbols; `tokenizer.json` for those of any kind.

`asr.text.sentencepiece` holds the tokenizer of subwords.
"""

from __future__ import annotations

import base64
import json
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar, TypeAlias

from asr.errors import DataError, ModelError, quoted
from asr.files import atomic_write, read_text
from asr.text.sentencepiece import SubwordTokenizer, train_subwords
from asr.text.special_tokens import SPECIALS, without_specials


class _TableTokenizer:
    """Special tokens, and a table in a field whose name is also the kind in JSON."""

    _table: ClassVar[str]
    _separator: ClassVar[str]

    def _entries(self) -> tuple[str, ...]:
        return tuple(getattr(self, self._table))

    def _check_distinct(self) -> None:
        for entry, times in Counter(self._entries()).most_common(1):
            if times > 1:
                raise DataError(
                    f"tokenizer: {quoted(entry)} is listed twice; list each entry once"
                )

    @cached_property
    def _ids(self) -> dict[str, int]:
        return {c: i for i, c in enumerate(self._entries(), start=len(SPECIALS))}

    @cached_property
    def pieces(self) -> tuple[str, ...]:
        """Text of each token, specials first; as many as `size`."""
        return SPECIALS + self._entries()

    @property
    def size(self) -> int:
        """Number of tokens, specials included."""
        return len(self.pieces)

    def decode(self, ids: Iterable[int]) -> str:
        """Turn tokens into text; labels are joined by spaces.

        Args:
            ids: Tokens (U,). Blanks and starts are skipped; decoding stops at the
                first end symbol.

        Raises:
            DataError: A token is negative, or not below `size`.
        """
        kept = without_specials(ids, self.size)
        return self._separator.join(self.pieces[i] for i in kept)

    def to_json(self) -> dict[str, Any]:
        """Return the content of `tokenizer.json`."""
        return {"kind": self._table, self._table: list(self._entries())}


@dataclass(frozen=True)
class CharacterTokenizer(_TableTokenizer):
    """One token for each character: 0 blank, 1 start, 2 end, characters from 3 on.

    Args:
        characters: Known characters, one code point each, all different;
            `characters_of` collects them from texts.

    Raises:
        DataError: An entry is not one character, or is listed twice.
    """

    characters: tuple[str, ...]
    _table, _separator = "characters", ""

    def __post_init__(self) -> None:
        """Check the characters."""
        for character in self.characters:
            if not isinstance(character, str) or len(character) != 1:
                raise DataError(
                    f"tokenizer: {quoted(character)} is not a single character; "
                    "list one character per entry"
                )
        self._check_distinct()

    def encode(self, text: str) -> list[int]:
        """Turn a normalised text into tokens, one for each character, no specials.

        Raises:
            DataError: The tokenizer lacks a character of the text.
        """
        try:
            return [self._ids[character] for character in text]
        except KeyError:
            lacking = ", ".join(repr(c) for c in sorted(set(text) - set(self._ids)))
            raise DataError(
                f"tokenizer has no {lacking} (text {_shorten(text)!r}); "
                "normalise the text or train with these characters"
            ) from None


@dataclass(frozen=True)
class LabelTokenizer(_TableTokenizer):
    """One token for each label of a classifier: 0 blank, 1 start, 2 end, then labels.

    Args:
        labels: Known labels, all different.

    Raises:
        DataError: A label is not a string, is empty, or is listed twice.
    """

    labels: tuple[str, ...]
    _table, _separator = "labels", " "

    def __post_init__(self) -> None:
        """Check the labels."""
        if not all(isinstance(label, str) and label for label in self.labels):
            raise DataError("tokenizer: each label must be a string and not empty")
        self._check_distinct()

    def encode(self, text: str) -> list[int]:
        """Turn a label into its token; `""` gives an empty list.

        Raises:
            DataError: The label is unknown.
        """
        if text and text not in self._ids:
            raise DataError(
                f"no label {_shorten(text)!r} in the training data; "
                "add examples of it, or remove it"
            )
        return [self._ids[text]] if text else []


@dataclass(frozen=True)
class SymbolTokenizer(_TableTokenizer):
    """One token for each symbol of a text, such as a phone; spaces separate symbols.

    Args:
        symbols: Known symbols without white space, all different.

    Raises:
        DataError: A symbol is not a string, is empty or has white space, or is listed
            twice.
    """

    symbols: tuple[str, ...]
    _table, _separator = "symbols", " "

    def __post_init__(self) -> None:
        """Check the symbols."""
        for symbol in self.symbols:
            if not isinstance(symbol, str) or symbol.split() != [symbol]:
                raise DataError(
                    f"tokenizer: {quoted(symbol)} is not a symbol without spaces"
                )
        self._check_distinct()

    def encode(self, text: str) -> list[int]:
        """Turn the symbols of a text into their tokens, no specials.

        Raises:
            DataError: The tokenizer lacks a symbol of the text.
        """
        symbols = text.split()
        if lacking := sorted(set(symbols) - set(self._ids)):
            raise DataError(
                f"tokenizer has no {', '.join(map(quoted, lacking))} "
                f"(text {_shorten(text)!r})"
            )
        return [self._ids[symbol] for symbol in symbols]


Tokenizer: TypeAlias = (
    CharacterTokenizer | SubwordTokenizer | LabelTokenizer | SymbolTokenizer
)


def tokenizer_from_json(stored: object) -> Tokenizer:
    """Rebuild a tokenizer of any kind from the parsed content of `tokenizer.json`.

    Raises:
        ModelError: The content is not a stored tokenizer.
    """
    try:
        match stored:
            case {"kind": "sentencepiece", "model": str(model)}:
                return SubwordTokenizer(base64.b64decode(model, validate=True))
            case {"kind": "labels", "labels": [*labels]}:
                return LabelTokenizer(tuple(labels))
            case {"kind": "symbols", "symbols": [*symbols]}:
                return SymbolTokenizer(tuple(symbols))
            case {"kind": "characters", "characters": [*letters], **rest} if not rest:
                return CharacterTokenizer(tuple(letters))
    except (DataError, ValueError) as error:
        raise ModelError(f"tokenizer.json is not valid: {error}") from error
    raise ModelError("tokenizer.json: not a tokenizer; restore the model folder")


def read_tokenizer(path: Path) -> Tokenizer:
    """Read a tokenizer from a file.

    Raises:
        ModelError: The file cannot be read, or holds no tokenizer.
    """
    try:
        stored = json.loads(read_text(path))
    except (OSError, ValueError, RecursionError) as error:
        raise ModelError(f"{path}: not a readable JSON file: {error}") from error
    try:
        return tokenizer_from_json(stored)
    except ModelError as error:
        raise ModelError(f"{path}: {error}") from error


def write_tokenizer(path: Path, tokenizer: Tokenizer) -> None:
    """Write a tokenizer to a file; `read_tokenizer` reads it.

    Raises:
        OutputError: The file cannot be written.
    """
    with atomic_write(path) as file:
        json.dump(tokenizer.to_json(), file, ensure_ascii=False)


def characters_of(texts: Iterable[str]) -> tuple[str, ...]:
    """Collect the characters of normalised texts, each once, by code point."""
    return tuple(sorted(set().union(*texts)))


def make_tokenizer(
    texts: Iterable[str], kind: str, *, size: int = 0, characters: str = ""
) -> Tokenizer:
    """Make a tokenizer for texts.

    Args:
        texts: Normalised texts.
        kind: `characters`, `unigram`, `bpe`, `labels` or `symbols`.
        size: Number of tokens of `unigram` and `bpe`.
        characters: Alphabet of `characters`; empty takes all characters of the texts.

    Raises:
        DataError: The texts are too few for a tokenizer of this kind and size.
    """
    if kind == "labels":
        return LabelTokenizer(tuple(sorted({text for text in texts if text})))
    if kind == "symbols":
        return SymbolTokenizer(
            tuple(sorted({x for text in texts for x in text.split()}))
        )
    if kind != "characters":
        return train_subwords(texts, kind, size)
    return CharacterTokenizer(tuple(characters) or characters_of(texts))


def _shorten(text: str, longest: int = 40) -> str:
    """Cut a text for a message."""
    return text if len(text) <= longest else text[: longest - 3] + "..."
