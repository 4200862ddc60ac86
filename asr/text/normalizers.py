"""Text normalisers under versioned names.

The result of a name never changes, because error rates are compared across years. A
better normaliser gets a new name.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable

from asr.errors import RecipeError, did_you_mean, quoted

# Letters that Unicode does not decompose, yet English spells with base letters.
_SPELLED = str.maketrans(
    {"Æ": "AE", "Œ": "OE", "Ø": "O", "Ł": "L", "Đ": "D", "Ð": "D", "Þ": "TH"}
)
# Quotation marks and letters that transcribers type where an apostrophe belongs.
_APOSTROPHES = str.maketrans(dict.fromkeys("\u2019\u2018\u02bc\u0060\u00b4", "'"))
# All ASCII characters but upper-case letters become a space, a backtick an apostrophe.
_ASCII_LETTERS = str.maketrans(
    {chr(code): " " for code in range(128) if not chr(code).isupper()}
    | {"'": "'", "`": "'"}
)


def _librispeech_1(text: str) -> str:
    """A-Z, apostrophe and space, as in LibriSpeech's transcripts.

    Upper case. Letters with marks become their base letters. All else, digits
    included, becomes a space. An apostrophe without a letter beside it is removed.
    """
    if text.isascii():  # nothing to decompose: ten times as fast
        text = text.upper().translate(_ASCII_LETTERS)
    else:
        text = unicodedata.normalize("NFKD", text.translate(_APOSTROPHES)).upper()
        # Upper-casing can compose again; a compatibility form can hide an apostrophe.
        text = unicodedata.normalize("NFKD", text).translate(_APOSTROPHES)
        spelled = text.translate(_SPELLED)
        text = "".join(c for c in spelled if unicodedata.category(c)[0] != "M")
        text = re.sub(r"[^A-Z']", " ", text)
    if "'" in text:
        text = re.sub(r"(?<![A-Z])'+(?![A-Z])", " ", text)
    return " ".join(text.split())


def _english_1(text: str) -> str:
    """English in one spelling, to compare transcripts of different systems.

    The alphabet of `librispeech-1`. Numbers are spelled out, British spellings become
    American, short forms (`DR`, `WON'T`, `GONNA`) become full forms. Fillers (`UM`) and
    text in brackets are removed.
    """
    from asr.text import english  # noqa: PLC0415 - start-up time

    text = unicodedata.normalize("NFKC", english.spell_fractions(text))
    text = re.sub(r"\[[^\[\]]*\]|<[^<>]*>", " ", text)
    text = _librispeech_1(english.spell_numbers(text.replace("&", " and ")))
    return english.standardize_words(text.lower()).upper()


def _basic_1(text: str) -> str:
    """Any language: case-folded, without punctuation and symbols.

    NFKC and case folding. An apostrophe between letters or digits stays; all other
    punctuation and symbols become spaces. Format characters (category Cf) are removed.
    Marks stay, because many scripts write vowels with them.
    """
    text = unicodedata.normalize("NFD", text.translate(_APOSTROPHES)).casefold()
    text = unicodedata.normalize("NFKC", text).casefold()
    text = unicodedata.normalize("NFKC", text).translate(_APOSTROPHES)
    text = "".join(c for c in text if unicodedata.category(c) != "Cf")
    padded = f" {text} "
    kept = (
        _is_wordlike(c) or (c == "'" and _is_wordlike(a) and _is_wordlike(b))
        for a, c, b in zip(padded, text, padded[2:], strict=False)
    )
    text = "".join(c if keep else " " for c, keep in zip(text, kept, strict=True))
    return " ".join(text.split())


def _plain_1(text: str) -> str:
    """Composed characters, straight apostrophes, one space between words."""
    return " ".join(unicodedata.normalize("NFC", text.translate(_APOSTROPHES)).split())


def _lower_1(text: str) -> str:
    """`plain-1` in lower case."""
    return _plain_1(_plain_1(text).lower())


def _none_1(text: str) -> str:
    """The text unchanged."""
    return text


NORMALIZERS: dict[str, Callable[[str], str]] = {
    "librispeech-1": _librispeech_1,
    "english-1": _english_1,
    "basic-1": _basic_1,
    "plain-1": _plain_1,
    "lower-1": _lower_1,
    "none-1": _none_1,
}
"""Versioned name -> function from a text to its normal form. Each is idempotent."""


def normalizer(name: str) -> Callable[[str], str]:
    """Look a normaliser up by its key in `NORMALIZERS`.

    Raises:
        RecipeError: The name is unknown; the message suggests the nearest one.
    """
    if name not in NORMALIZERS:
        raise RecipeError(
            f"no normalizer {quoted(name)}{did_you_mean(name, [*NORMALIZERS])}"
        )
    return NORMALIZERS[name]


def _is_wordlike(character: str) -> bool:
    """Tell letters, marks and numbers from all other characters."""
    return unicodedata.category(character)[0] in "LMN"
