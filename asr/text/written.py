"""Written English -> the words that a recogniser hears, with what it does not hear.

A word has a case and a mark behind it: what the task `restoration` restores.
"""

from __future__ import annotations

import re
import unicodedata

from asr.text.english import spell_fractions, spell_numbers

CASES = ("lower", "title", "upper", "mixed")
"""`mixed` is a spelling with capitals inside, such as `McDonald` and `iPhone`."""

MARKS = ("", ",", ".", "?", "!", ";", ":")
"""Marks behind a word; the first is none."""

SENTENCE_ENDS = frozenset(".?!")

_STRONGEST = "?!.;:,"  # of several marks behind a word, the first of these counts
_ABBREVIATIONS = {
    "mr": "mister", "mrs": "missus", "ms": "ms", "dr": "doctor", "st": "saint",
    "prof": "professor", "jr": "junior", "sr": "senior", "vs": "versus",
    "gen": "general", "col": "colonel", "capt": "captain", "lt": "lieutenant",
    "rev": "reverend",
    "sgt": "sergeant", "gov": "governor", "hon": "honorable",
    "approx": "approximately",
}  # fmt: skip
"""Abbreviation whose full stop ends no sentence -> what is spoken."""

_QUOTES = str.maketrans(
    dict.fromkeys("\u2019\u2018\u02bc\u0060\u00b4", "'")
    | dict.fromkeys("\u201c\u201d", '"')
)
_ASIDE = re.compile(r"\[[^\[\]]*\]|<[^<>]*>")
_RANGE = re.compile(r"(?<=\d)\s?[\u2013\u2014-]\s?(?=\d)")
_DASH = re.compile(r"\s*[,;]?(?:\u2014|--+|\s[-\u2013]\s)[,;]?\s*")
_ELLIPSIS = re.compile(r"\s?(?:\.{2,}|\u2026)(?=(\s+[A-Z]|\W*$)?)")
_EDGE = "'\"()[]{}*_#~"
_PART = re.compile(r"[A-Za-z']+")
_ADDRESS = re.compile(r"([A-Za-z-]+)\.([a-z]{2,4})")
_INITIALS = re.compile(r"(?:[A-Z]\.)*[A-Z]")
_UNSPOKEN = re.compile(r"https?:|www\.|[|{}\\=\t]")


def heard(text: str) -> list[tuple[str, str]]:
    """Return the words of a written text as a recogniser hears them.

    Figures become words and hyphens divide; each word keeps its case, in A-Z, a-z and
    the apostrophe.

    Returns:
        Words, each with the mark behind it; dashes and dots become a comma or a full
        stop.
    """
    text = " ".join(text.split())  # long white space would take `_DASH` for ever
    text = unicodedata.normalize("NFKC", text.translate(_QUOTES))
    text = _RANGE.sub(" to ", _ASIDE.sub(" ", text))
    text = _ELLIPSIS.sub(lambda match: ". " if match[1] is not None else ", ", text)
    text = _DASH.sub(", ", text).replace("&", " and ")
    if any(map(str.isdigit, text)):
        text = spell_numbers(spell_fractions(text))
    words: list[tuple[str, str]] = []
    for token in text.split():
        core = token.rstrip("?!.;:," + _EDGE)
        behind = token[len(core) :]
        parts, silent = _parts(core.lstrip(_EDGE), behind)
        mark = next((mark for mark in _STRONGEST if mark in behind), "")
        if parts:
            words += [(part, "") for part in parts[:-1]]
            words.append((parts[-1], "" if silent and mark == "." else mark))
        elif words and mark and not words[-1][1]:
            words[-1] = words[-1][0], mark
    return words


def _parts(token: str, behind: str) -> tuple[list[str], bool]:
    """Return the words of a token, and whether a full stop behind it ends nothing."""
    if token.isascii() and token.isalpha():
        spoken = _ABBREVIATIONS.get(token.lower())
        if spoken and behind.startswith(".") and not token.isupper():
            return [spoken.title() if token[0].isupper() else spoken], True
        return [token], len(token) == 1 and token.isupper() and token != "I"
    address = _ADDRESS.fullmatch(token)
    if address:
        return [*_PART.findall(address[1]), "dot", address[2]], False
    if not token.isascii():
        letters = unicodedata.normalize("NFKD", token)
        token = "".join(c for c in letters if not unicodedata.combining(c))
    parts = [part.strip("'") for part in _PART.findall(token)]
    return [part for part in parts if part], bool(_INITIALS.fullmatch(token))


def is_running_text(line: str) -> bool:
    """Tell sentences, which end with a mark, from headings, shouting and markup."""
    end = line.rstrip(_EDGE + "\u201d\u2019")[-1:]
    letters = sum(map(str.isalpha, line))
    lower = sum(map(str.islower, line))
    return (
        end in {*SENTENCE_ENDS, ":", ";", ",", "\u2026", "-", "\u2014"}
        and lower > 0.7 * letters > 0.4 * len(line)
        and not _UNSPOKEN.search(line)
    )


def case_of(word: str) -> str:
    """Return the case of a written word, one of `CASES`.

    An ending behind an apostrophe has no part in it, as in `NASA's`.
    """
    stem = word.partition("'")[0] if word.count("'") == 1 else word
    stem = stem if len(stem) > 1 or len(word) < 4 else word  # O'Brien
    if stem.islower():
        return "lower"
    if stem[:1].isupper() and (len(stem) == 1 or stem[1:].islower()):
        return "title" if word[len(stem) :].lower() == word[len(stem) :] else "mixed"
    return "upper" if stem.isupper() else "mixed"


def with_case(word: str, case: str) -> str:
    """Write a word in a case; `mixed`, without a known spelling, gives a capital."""
    if case == "lower":
        return word.lower()
    if case == "upper":
        stem, apostrophe, ending = word.partition("\u2019" if "\u2019" in word else "'")
        return stem.upper() + apostrophe + ending.lower()
    return word[:1].upper() + word[1:].lower()
