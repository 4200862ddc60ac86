"""Text on its way in and out of the model: character tokenizer, text normalisers.

A normaliser's name ends in a version. What it returns for a given text never changes
under that name, because scores are compared across years; a better one gets a new name.
"""

from __future__ import annotations

import difflib
import re
import unicodedata
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from asr.errors import DataError, ModelError, RecipeError

BLANK = 0
"""Identifier of `<blank>`: the CTC blank, and what shorter rows are padded with."""
START = 1
"""Identifier of `<s>`: what the decoder reads before the first character."""
END = 2
"""Identifier of `</s>`: what the decoder writes after the last character."""

SPECIALS = ("<blank>", "<s>", "</s>")


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
            twice = sorted(c for c in self._ids if self.characters.count(c) > 1)
            raise DataError(
                f"tokenizer: {twice[0]!r} is listed twice; list each character once"
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
                f"tokenizer has no {lacking} (text {_shortened(text)!r}); "
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
        characters = []
        for number in map(int, ids):
            if number == END:
                break
            if not 0 <= number < self.size:
                raise DataError(
                    f"token {number} is outside this tokenizer's 0..{self.size - 1}; "
                    "use the tokenizer that the model was trained with"
                )
            if number >= len(SPECIALS):
                characters.append(self.pieces[number])
        return "".join(characters)

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
        if not isinstance(stored["characters"], list):
            raise ModelError(
                "tokenizer.json: 'characters' is not a list; restore the model folder"
            )
        try:
            return cls(tuple(stored["characters"]))
        except DataError as error:
            raise ModelError(f"tokenizer.json: {error}") from None


def tokenizer_from_json(stored: object) -> CharacterTokenizer:
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
    return CharacterTokenizer.from_json(stored)


def characters_of(texts: Iterable[str]) -> tuple[str, ...]:
    """Collect the characters that occur in texts.

    Args:
        texts: Normalised texts.

    Returns:
        Each character once, by code point: the same texts in any order give the same
        tokenizer.
    """
    return tuple(sorted(set().union(*texts)))


# Letters that Unicode does not decompose, yet English spells with base letters.
_SPELLED = str.maketrans(
    {"Æ": "AE", "Œ": "OE", "Ø": "O", "Ł": "L", "Đ": "D", "Ð": "D", "Þ": "TH"}
)
# Quotation marks and letters that transcribers type where an apostrophe belongs.
_APOSTROPHES = str.maketrans(dict.fromkeys("\u2019\u2018\u02bc\u0060\u00b4", "'"))


def _librispeech_1(text: str) -> str:
    """A-Z, apostrophe and space, as in LibriSpeech's transcripts.

    Upper case; letters with marks become their base letters; everything else, digits
    included, becomes a space; an apostrophe that touches no letter goes.
    """
    text = unicodedata.normalize("NFKD", text.translate(_APOSTROPHES)).upper()
    # Upper-casing can compose anew, and a compatibility form can hide an apostrophe.
    text = unicodedata.normalize("NFKD", text).translate(_APOSTROPHES)
    text = "".join(c for c in text.translate(_SPELLED) if not _is_mark(c))
    text = re.sub(r"[^A-Z']", " ", text)
    return " ".join(re.sub(r"(?<![A-Z])'+(?![A-Z])", " ", text).split())


def _basic_1(text: str) -> str:
    """Any language: case-folded, without punctuation and symbols.

    NFKC and case folding; an apostrophe between letters or digits stays, any other
    punctuation or symbol becomes a space; invisible format characters go; marks stay,
    since many scripts write their vowels with them.
    """
    text = unicodedata.normalize("NFD", text.translate(_APOSTROPHES)).casefold()
    text = unicodedata.normalize("NFKC", text).casefold()
    text = unicodedata.normalize("NFKC", text).translate(_APOSTROPHES)
    text = "".join(c for c in text if unicodedata.category(c) != "Cf")
    padded = f" {text} "
    kept = (
        c
        if _is_wordlike(c) or (c == "'" and _is_wordlike(a) and _is_wordlike(b))
        else " "
        for a, c, b in zip(padded, text, padded[2:], strict=False)
    )
    return " ".join("".join(kept).split())


def _none_1(text: str) -> str:
    """Leave the text alone."""
    return text


NORMALIZERS: dict[str, Callable[[str], str]] = {
    "librispeech-1": _librispeech_1,
    "basic-1": _basic_1,
    "none-1": _none_1,
}
"""Versioned name -> function from a text to its normal form; each is idempotent."""


def normalizer(name: str) -> Callable[[str], str]:
    """Look up a normaliser.

    Args:
        name: A key of `NORMALIZERS`.

    Returns:
        A function from a text to its normal form.

    Raises:
        RecipeError: There is no such normaliser; the message names the nearest one.
    """
    try:
        return NORMALIZERS[name]
    except KeyError:
        near = difflib.get_close_matches(name, NORMALIZERS, n=1, cutoff=0.0)
        raise RecipeError(
            f"no normalizer {name!r}; did you mean {near[0]!r}? "
            f"(there are {', '.join(NORMALIZERS)})"
        ) from None


def _is_mark(character: str) -> bool:
    return unicodedata.category(character).startswith("M")


def _is_wordlike(character: str) -> bool:
    """Whether it is a letter, a mark or a number."""
    return unicodedata.category(character)[0] in "LMN"


def _shortened(text: str, longest: int = 40) -> str:
    return text if len(text) <= longest else text[: longest - 3] + "..."
