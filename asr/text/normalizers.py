"""Text normalisers.

A normaliser's name ends in a version. What it returns for a given text never changes
under that name, because scores are compared across years; a better one gets a new name.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable

from asr.errors import RecipeError, did_you_mean
from asr.text.english import say_fractions, say_numbers, say_words

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


def _english_1(text: str) -> str:
    """English as it is said, to compare transcripts of different makers.

    Upper case, A-Z, apostrophe and space. Numbers are written in words, British words
    in their American spelling, common short forms at full length (`DR`, `WON'T`,
    `GONNA`); fillers (`UM`) are left out, and so is what stands in brackets.
    """
    text = unicodedata.normalize("NFKC", say_fractions(text))
    text = re.sub(r"\[[^\[\]]*\]|<[^<>]*>", " ", text)
    text = _librispeech_1(say_numbers(text.replace("&", " and ")))
    return say_words(text.lower()).upper()


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


def _plain_1(text: str) -> str:
    """Composed characters, straight apostrophes, one space between words."""
    return " ".join(unicodedata.normalize("NFC", text.translate(_APOSTROPHES)).split())


def _lower_1(text: str) -> str:
    """The same in lower case."""
    return _plain_1(_plain_1(text).lower())


def _none_1(text: str) -> str:
    """Leave the text alone."""
    return text


NORMALIZERS: dict[str, Callable[[str], str]] = {
    "librispeech-1": _librispeech_1,
    "english-1": _english_1,
    "basic-1": _basic_1,
    "plain-1": _plain_1,
    "lower-1": _lower_1,
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
        hint = did_you_mean(name, list(NORMALIZERS))
        raise RecipeError(f"no normalizer {name!r}{hint}") from None


def _is_mark(character: str) -> bool:
    return unicodedata.category(character).startswith("M")


def _is_wordlike(character: str) -> bool:
    """Whether it is a letter, a mark or a number."""
    return unicodedata.category(character)[0] in "LMN"
