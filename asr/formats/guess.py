"""Guess of the form of transcripts from all lines of a file."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

from asr.errors import DataError
from asr.formats.lines import Line
from asr.formats.nist import is_ctm, is_stm

_NAME = re.compile(r"[\w./:-]+")
_DIGIT = re.compile(r"\d")
_MIXTURE = 1 / 3  # share of lines that name utterances; prose has fewer by chance
_QUOTED = 60  # characters of a line in a message
_TEXT_COLUMN = r"(text|sentence|transcript|transcription)"
_FOREIGN = {
    "a JSON document": re.compile(r"[\[{]|\[\s*\{.*|\{.*[\[{,]"),
    "a table with a header": re.compile(
        rf"(\w+[\t,])+{_TEXT_COLUMN}|(\w+[\t,])*{_TEXT_COLUMN}([\t,]\w+)+"
    ),
    "a TextGrid": re.compile(r'(File type = )?"ooTextFile.*'),
    "a page of HTML or XML": re.compile(r"<(\?xml|!doctype|html)\b.*", re.IGNORECASE),
}
"""First lines of files that hold texts in a form that is not read."""
_CUE = re.compile(r"(\d+:)?\d+:\d\d[.,]\d{3}\s+-->\s.*")


class Guess(NamedTuple):
    """Guessed form of a file.

    Attributes:
        form: `jsonl`, `trn`, `stm`, `ctm`, `kaldi` or `text`.
        unfit: Positions of the lines that do not have this form.
        others: Lines that have another form than `text`, if it is `text`.
    """

    form: str
    unfit: Sequence[int]
    others: int


def guess_form(lines: Iterable[str]) -> str:
    """Return the form of most lines; see `guess`."""
    return guess(list(lines)).form


def guess(lines: Sequence[str], suffix: str = "") -> Guess:
    """Guess the form of transcripts: that of more than half of the lines.

    `jsonl`: the line is in braces. `trn`: it ends in `(utterance)`. `stm` and `ctm`:
    it has the fields of these forms, and times with a decimal point unless the file is
    named so. `kaldi`: it begins with a word that contains a digit, and another
    character of `A-Za-z-_./:` or at least four digits; these words differ.
    Otherwise `text`.

    Args:
        lines: Lines that are not blank.
        suffix: End of the name of the file, such as `.ctm`.
    """
    lines = [line.strip() for line in lines]
    fits: dict[str, Callable[[str], bool]] = {
        "jsonl": lambda line: line[:1] == "{" and line[-1:] == "}",
        "trn": lambda line: trn_parts(line) is not None,
        "stm": lambda line: is_stm(line, named=suffix == ".stm"),
        "ctm": lambda line: is_ctm(line, named=suffix == ".ctm"),
    }
    fitting = {form: list(map(fit, lines)) for form, fit in fits.items()}
    fitting["kaldi"] = _kaldi(lines)
    # The first of several forms with as many lines, unless the name decides.
    form = max(fitting, key=lambda form: (sum(fitting[form]), form == suffix[1:]))
    if 2 * sum(fitting[form]) > len(lines):
        return Guess(form, [i for i, fit in enumerate(fitting[form]) if not fit], 0)
    others = sum(map(any, zip(*(fitting[form] for form in fits), strict=True)))
    return Guess("text", [], others)


def guess_of(lines: Sequence[Line]) -> str:
    """Guess the form of the lines of a file; arguments as for `guess`.

    Raises:
        DataError: Some lines do not have the form of the others. The message says which
            form was guessed, and how many lines do not have it.
    """
    if not lines:
        return "text"
    found = guess([line.text for line in lines], lines[0].file.suffix)
    total, file = len(lines), lines[0].file
    if found.unfit:
        first = lines[found.unfit[0]]
        raise DataError(
            f"{file}: guessed {found.form}, but {len(found.unfit)} of {total} lines "
            f"do not have that form, such as line {first.number}, "
            f"{first.text[:_QUOTED]!r}; correct them or name the format"
        )
    if found.others >= _MIXTURE * total:
        raise DataError(
            f"{file}: a mixture of formats: {found.others} of {total} lines name "
            "utterances or times, the others are plain; name the format"
        )
    if found.form == "text" and (kind := _foreign(lines)):
        raise DataError(
            f"{file}: this is {kind}, which is not read; write plain lines, trn or a "
            "JSON object a line, or name the format"
        )
    return found.form


def _foreign(lines: Sequence[Line]) -> str | None:
    """Return what a file is whose lines are no plain texts."""
    if any(_CUE.fullmatch(line.text) for line in lines):
        return "a file of subtitles"
    first = lines[0].text
    return next((kind for kind, x in _FOREIGN.items() if x.fullmatch(first)), None)


def trn_parts(line: str) -> tuple[str, str] | None:
    """Return text and utterance; None if the line does not end in an utterance."""
    text, opening, utterance = line.removesuffix(")").rpartition("(")
    named = line.endswith(")") and opening and utterance
    if not named or ")" in utterance or utterance.split() != [utterance]:
        return None
    words = text.split()
    first, last = words[:1] == ["<s>"], len(words) - (words[-1:] == ["</s>"])
    return " ".join(words[first:last]), utterance


def _kaldi(lines: Sequence[str]) -> list[bool]:
    """Tell lines that begin with a name; none if few names differ, as in prose."""
    words = [line.split(maxsplit=1)[0] if line else "" for line in lines]
    fits = [
        bool(_NAME.fullmatch(word) and _DIGIT.search(word))
        and (len(word) >= 4 or not word.isdigit())
        for word in words
    ]
    names = {word for word, fit in zip(words, fits, strict=True) if fit}
    # A file that holds each line twice is an error of kaldi, and no prose.
    differ = len(names) == sum(fits) or (len(names) > 1 and 3 * len(names) > len(lines))
    return fits if differ else [False] * len(lines)
