"""Spoken numbers -> figures, in English text that has its case and punctuation."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from operator import itemgetter
from typing import Any, NamedTuple

from asr.text.written import MARKS, SENTENCE_ENDS

Figure = tuple[str, int]
"""A word or a figure with its mark, and the number of words that it stands for."""

_MARKS = "".join(MARKS)
_TENS = frozenset(
    {"ten", "eleven", "twelve", "thirteen", "fourteen", "fifteen", "sixteen"}
    | {"seventeen", "eighteen", "nineteen", "twenty", "thirty", "forty", "fifty"}
    | {"sixty", "seventy", "eighty", "ninety"}
)
_DIGITS = frozenset(
    {"zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"}
)
_ROUND = {"million": 10**6, "billion": 10**9}
_POWERS = frozenset({"hundred", "thousand", *_ROUND})
_SOME = _TENS | _POWERS | {"point"}
"""Every number that is written in figures has one of these words, or a unit."""
_UNITS = frozenset({"percent", "dollars"})
_NUMBERS = _TENS | _POWERS | _DIGITS
_UNREAD = _NUMBERS | {"trillion", "point", "oh", "o", "double"}
"""Before a number that text2num finds, these are a part of it that it did not read."""
_CENTURIES = range(13, 21)  # of years that are read in pairs
_COUNTED = frozenset({"people", "men", "women", "children", "year", "feet", "vision"})
"""Words that follow a number of things, not a year; so do plurals in -s."""
_NO_PLURALS = frozenset({"was", "is", "has", "does", "as", "this", "his", "its", "us"})
_LONGEST = 1000  # words without a mark
_GROUPED = 10_000  # numbers from here on have commas


def figures(words: Iterable[str]) -> Iterator[Figure]:
    """Write numbers of several words, percentages and dollars in figures.

    Numbers of one word, words with a capital (names) and digits one by one stay words.

    Args:
        words: Words with the marks behind them.

    Yields:
        Words and figures in order, a sentence later at most.
    """
    waiting: list[str] = []
    for word in words:
        waiting.append(word)
        if word[-1:] in SENTENCE_ENDS or len(waiting) == _LONGEST:
            yield from _sentence(waiting)
            waiting = []
    yield from _sentence(waiting)


class _Spoken(NamedTuple):
    """A word as text2num reads it.

    Args:
        word: The word without its mark.
        apart: A mark stands before it.
    """

    word: str
    apart: bool

    def text(self) -> str:
        return self.word

    def nt_separated(self, _: Any) -> bool:
        return self.apart

    def not_a_number_part(self) -> bool:
        return not self.word.islower()


class _Number(NamedTuple):
    """A number in a sentence: its words, its figure, and whether it needs a unit."""

    start: int
    end: int
    text: str
    is_short: bool = False


def _sentence(words: Sequence[str]) -> Iterator[Figure]:
    bare = [word.rstrip(_MARKS) for word in words]
    if bare and bare[0].lower() in _NUMBERS:  # its capital does not make it a name
        bare[0] = bare[0].lower()
    if _SOME.isdisjoint(bare) and _UNITS.isdisjoint(bare):
        yield from ((word, 1) for word in words)
        return
    marks = [word[len(stem) :] for word, stem in zip(words, bare, strict=True)]
    at = 0
    for number in _numbers(bare, marks):
        yield from ((word, 1) for word in words[at : number.start])
        at = number.end
        yield number.text + marks[at - 1], at - number.start
    yield from ((word, 1) for word in words[at:])


def _numbers(bare: list[str], marks: list[str]) -> Iterator[_Number]:
    """Yield the numbers that are written in figures, units included."""
    from text_to_num import find_numbers  # noqa: PLC0415 - few texts need it

    spoken = [
        _Spoken(word, apart)
        for word, apart in zip(bare, [True, *map(bool, marks)], strict=False)
    ]
    found = find_numbers(spoken, "en", 0.0)
    starts = (_start_of_run(found, place) for place in range(len(found)))
    for _, run in groupby(zip(starts, found, strict=True), itemgetter(0)):
        number = _written([occurrence for _, occurrence in run], bare, marks)
        number = number and _with_unit(number, bare, marks)
        if number and not any(marks[number.start : number.end - 1]):
            yield number


def _start_of_run(found: Sequence[Any], place: int) -> int:
    """Return the first of the numbers that follow each other without other words."""
    while place and found[place - 1].end == found[place].start:
        place -= 1
    return place


def _written(run: list[Any], bare: list[str], marks: list[str]) -> _Number | None:
    """Return the figure of numbers in a row, where there is one."""
    first, last = run[0], run[-1]
    start, end = first.start, last.end
    before, earlier = _word(bare, start - 1), _word(bare, start - 2)
    if start and marks[start - 1]:
        before = ""
    if before in _UNREAD or before[-1:].isdigit():
        return None
    if bare[start] in _POWERS:  # text2num reads "a hundred" without "a"
        if before != "a" or earlier in ("half", "of"):
            return None
        start -= 1
    if len(run) == 2 and bare[last.start] in _ROUND and end == last.start + 1:
        return _Number(start, end, f"{first.text} {bare[last.start]}")
    if len(run) == 2 and _is_year(first, last, _following(bare, marks, end)):
        return _Number(start, end, first.text + last.text)
    if len(run) > 1 or (first.is_ordinal and bare[end - 1] == "second"):
        return None
    is_short = end - first.start == 1 or _SOME.isdisjoint(bare[first.start : end])
    return _Number(start, end, _grouped(first, bare[end - 1]), is_short)


def _word(bare: list[str], place: int) -> str:
    """Return a word in lower case; an empty one beyond the sentence."""
    return bare[place].lower() if 0 <= place < len(bare) else ""


def _following(bare: list[str], marks: list[str], end: int) -> str:
    """Return the word behind a number; an empty one behind a mark."""
    return "" if marks[end - 1] else _word(bare, end)


def _is_year(first: Any, last: Any, following: str) -> bool:
    """Tell whether two numbers are a year, not "fifteen twenty minutes"."""
    if first.is_ordinal or last.is_ordinal or first.value not in _CENTURIES:
        return False
    counted = following in _COUNTED | _UNITS
    counted |= following.endswith("s") and following not in _NO_PLURALS
    about = last.value == first.value + 1 and first.value < 19
    return len(last.text) == 2 and not (counted or about)


def _grouped(number: Any, last: str) -> str:
    """Return a figure that is easy to read: 200,000 and 3 million."""
    unit = _ROUND.get(last)
    if unit and number.value >= unit:
        return f"{number.value / unit:,.10g} {last}"
    if number.value < _GROUPED:
        return str(number.text)
    return re.sub(r"^\d+", lambda digits: f"{int(digits[0]):,}", number.text)


def _with_unit(number: _Number, bare: list[str], marks: list[str]) -> _Number | None:
    """Return a number with its unit; None for one that stays in words without."""
    start, end, text, is_short = number
    if _following(bare, marks, end) == "trillion":  # unknown to text2num
        end, text, is_short = end + 1, f"{text} trillion", False
    unit = _following(bare, marks, end)
    if unit == "percent":
        return _Number(start, end + 1, f"{text}%")
    if unit == "dollars":
        return _Number(start, end + 1, f"${text}")
    return None if is_short else _Number(start, end, text)
