"""Texts <-> tokens: characters, or pieces of words found by SentencePiece."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

from asr.errors import DataError, ModelError
from asr.files import atomic_write
from asr.text.sentencepiece import SubwordTokenizer, train_subwords
from asr.text.special_tokens import SPECIALS, without_specials

if TYPE_CHECKING:
    pass

Listed = TypeVar("Listed")


@dataclass(frozen=True)
class CharacterTokenizer:
    """One identifier for each character: 0 blank, 1 start, 2 end, characters from 3 on.

    Args:
        characters: The characters known, one code point each and no two alike;
            `characters_of` collects them from texts.

    Raises:
        DataError: An entry is not one character, or stands there twice.
    """

    characters: tuple[str, ...]

    def __post_init__(self) -> None:
        """Refuse what would not come back from a round trip."""
        wrong = [c for c in self.characters if not isinstance(c, str) or len(c) != 1]
        if wrong:
            raise DataError(
                f"tokenizer: {wrong[0]!r} is not a single character; "
                "list one character per entry"
            )
        if len(set(self.characters)) != len(self.characters):
            twice, _ = Counter(self.characters).most_common(1)[0]
            raise DataError(
                f"tokenizer: {twice!r} is listed twice; list each character once"
            )

    @cached_property
    def _ids(self) -> dict[str, int]:
        return {c: i for i, c in enumerate(self.characters, start=len(SPECIALS))}

    @cached_property
    def pieces(self) -> tuple[str, ...]:
        """What each identifier stands for, specials first; as long as `size`."""
        return SPECIALS + self.characters

    @property
    def size(self) -> int:
        """Number of identifiers, the specials among them."""
        return len(SPECIALS) + len(self.characters)

    def encode(self, text: str) -> list[int]:
        """Turn a text into identifiers, one for each character and no specials.

        Args:
            text: Normalised text; `""` gives an empty list.

        Returns:
            Identifiers from 3 to `size - 1`, as many as the text has characters.

        Raises:
            DataError: The text has characters that the tokenizer lacks.
        """
        try:
            return [self._ids[character] for character in text]
        except KeyError:
            lacking = ", ".join(repr(c) for c in sorted(set(text) - set(self._ids)))
            raise DataError(
                f"tokenizer has no {lacking} (text {shorten(text)!r}); "
                "normalise the text or train with these characters"
            ) from None

    def decode(self, ids: Iterable[int]) -> str:
        """Turn identifiers into text.

        Args:
            ids: Identifiers (U,), integers of any kind. Everything from the first end
                on is left out, and so are blanks and starts.

        Returns:
            The text before the first end.

        Raises:
            DataError: An identifier is not below `size`, or is negative.
        """
        numbers = without_specials(ids, self.size)
        return "".join(self.pieces[number] for number in numbers)

    def to_json(self) -> dict[str, Any]:
        """Return what `tokenizer_from_json` rebuilds the tokenizer from."""
        return {"kind": "characters", "characters": list(self.characters)}

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> CharacterTokenizer:
        """Rebuild a tokenizer from what `to_json` returned.

        Args:
            stored: The object read from `tokenizer.json`.

        Returns:
            A tokenizer with the same identifiers.

        Raises:
            ModelError: The object is not a stored character tokenizer.
        """
        if set(stored) != {"kind", "characters"} or stored["kind"] != "characters":
            raise ModelError(
                "tokenizer.json is not a character tokenizer: expected the keys "
                "'kind' ('characters') and 'characters'; restore the model folder"
            )
        return _from_list(cls, stored, "characters")


@dataclass(frozen=True)
class LabelTokenizer:
    """One identifier for each label, a whole text: 0 blank, 1 start, 2 end.

    Args:
        labels: The labels known, no two alike.

    Raises:
        DataError: An entry is no text, is empty, or stands there twice.
    """

    labels: tuple[str, ...]

    def __post_init__(self) -> None:
        """Refuse what would not come back from a round trip."""
        if not all(isinstance(label, str) and label for label in self.labels):
            raise DataError("tokenizer: a label is no text, or empty")
        if len(set(self.labels)) != len(self.labels):
            raise DataError("tokenizer: a label is listed twice; list each once")

    @property
    def pieces(self) -> tuple[str, ...]:
        """What each identifier stands for, specials first; as long as `size`."""
        return SPECIALS + self.labels

    @property
    def size(self) -> int:
        """Number of identifiers, the specials among them."""
        return len(self.pieces)

    def encode(self, text: str) -> list[int]:
        """Turn a label into its identifier; `""` gives an empty list.

        Raises:
            DataError: There is no such label.
        """
        if not text:
            return []
        if text not in self.labels:
            raise DataError(f"no label {shorten(text)!r} was there in training")
        return [len(SPECIALS) + self.labels.index(text)]

    def decode(self, ids: Iterable[int]) -> str:
        """Turn identifiers into the labels, with spaces between.

        Raises:
            DataError: An identifier is not below `size`, or is negative.
        """
        return " ".join(self.pieces[i] for i in without_specials(ids, self.size))

    def to_json(self) -> dict[str, Any]:
        """Return what `tokenizer_from_json` rebuilds the tokenizer from."""
        return {"kind": "labels", "labels": list(self.labels)}

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> LabelTokenizer:
        """Rebuild a tokenizer from what `to_json` returned.

        Raises:
            ModelError: The object is not a stored tokenizer of labels.
        """
        return _from_list(cls, stored, "labels")


Tokenizer: TypeAlias = CharacterTokenizer | SubwordTokenizer | LabelTokenizer


def tokenizer_from_json(stored: object) -> Tokenizer:
    """Rebuild a tokenizer of any kind from the content of `tokenizer.json`.

    Args:
        stored: The parsed JSON, whatever it is.

    Returns:
        The tokenizer.

    Raises:
        ModelError: It is not a stored tokenizer.
    """
    if not isinstance(stored, Mapping):
        raise ModelError(
            "tokenizer.json does not hold a JSON object; restore the model folder"
        )
    if stored.get("kind") == "sentencepiece":
        return SubwordTokenizer.from_json(stored)
    if stored.get("kind") == "labels":
        return LabelTokenizer.from_json(stored)
    return CharacterTokenizer.from_json(stored)


def read_tokenizer(path: Path) -> Tokenizer:
    """Read a tokenizer from a file.

    Raises:
        ModelError: The file cannot be read, or holds no tokenizer.
    """
    try:
        stored = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise ModelError(f"{path}: not a readable JSON file: {error}") from error
    try:
        return tokenizer_from_json(stored)
    except ModelError as error:
        raise ModelError(f"{path}: {error}") from error


def write_tokenizer(path: Path, tokenizer: Tokenizer) -> None:
    """Write what `read_tokenizer` reads.

    Raises:
        OutputError: The file cannot be written.
    """
    with atomic_write(path) as file:
        json.dump(tokenizer.to_json(), file, ensure_ascii=False)


def characters_of(texts: Iterable[str]) -> tuple[str, ...]:
    """Collect the characters that occur in texts.

    Args:
        texts: Normalised texts.

    Returns:
        Each character once, by code point: the same texts in any order give the same
        tokenizer.
    """
    return tuple(sorted(set().union(*texts)))


def make_tokenizer(
    texts: Iterable[str], kind: str, *, size: int = 0, characters: str = ""
) -> Tokenizer:
    """Return a tokenizer for texts.

    Args:
        texts: Normalised texts.
        kind: `characters`, `unigram`, `bpe` or `labels`.
        size: Number of identifiers of `unigram` and `bpe`.
        characters: The alphabet of the first; empty takes all characters of the texts.

    Raises:
        DataError: The texts are too few for that.
    """
    if kind == "labels":
        return LabelTokenizer(tuple(sorted({text for text in texts if text})))
    if kind != "characters":
        return train_subwords(texts, kind, size)
    return CharacterTokenizer(tuple(characters) or characters_of(texts))


def _from_list(
    cls: Callable[[tuple[str, ...]], Listed], stored: Mapping[str, Any], key: str
) -> Listed:
    """Make a tokenizer of a stored list; a ModelError says what is wrong with it."""
    if not isinstance(stored.get(key), list):
        raise ModelError(
            f"tokenizer.json: {key!r} is not a list; restore the model folder"
        )
    try:
        return cls(tuple(stored[key]))
    except DataError as error:
        raise ModelError(f"tokenizer.json: {error}") from None


def shorten(text: str, longest: int = 40) -> str:
    """Cut a text for a message."""
    return text if len(text) <= longest else text[: longest - 3] + "..."
