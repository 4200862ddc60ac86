"""Spoken numbers -> figures, in English text that has its case and punctuation."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from operator import itemgetter
from typing import Any, NamedTuple

from asr.text.written import MARKS, SENTENCE_ENDS

Figure = tuple[str, int]
"""A word or a figure with its mark, and the number of words that it stands for."""

_MARKS = "".join(MARKS)
_SOME = frozenset(
    {"hundred", "thousand", "million", "billion", "trillion", "point", "percent"}
    | {"dollars", "ten", "eleven", "twelve", "thirteen", "fourteen", "fifteen"}
    | {"sixteen", "seventeen", "eighteen", "nineteen", "twenty", "thirty", "forty"}
    | {"fifty", "sixty", "seventy", "eighty", "ninety"}
)
"""Every number that is written in figures has one of these words."""
_ROUND = {"million": 10**6, "billion": 10**9, "trillion": 10**12}
_CENTURIES = range(13, 21)  # of years that are read in pairs
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
    """A number in a sentence: its words and its figure."""

    start: int
    end: int
    text: str


def _sentence(words: Sequence[str]) -> Iterator[Figure]:
    bare = [word.rstrip(_MARKS) for word in words]
    if _SOME.isdisjoint(bare):
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
        number = _written([occurrence for _, occurrence in run], bare)
        if number and not any(marks[number.start : number.end - 1]):
            yield _with_unit(number, bare, marks)


def _start_of_run(found: Sequence[Any], place: int) -> int:
    """Return the first of the numbers that follow each other without other words."""
    while place and found[place - 1].end == found[place].start:
        place -= 1
    return place


def _written(run: list[Any], bare: list[str]) -> _Number | None:
    """Return the figure of numbers in a row, where there is one."""
    first, last = run[0], run[-1]
    if len(run) == 2 and bare[last.start] in _ROUND and last.end == last.start + 1:
        return _Number(first.start, last.end, f"{first.text} {bare[last.start]}")
    is_pair = len(run) == 2 and not (first.is_ordinal or last.is_ordinal)
    if is_pair and first.value in _CENTURIES and len(last.text) == 2:
        return _Number(first.start, last.end, first.text + last.text)
    if len(run) > 1 or (first.is_ordinal and bare[first.end - 1] == "second"):
        return None
    return _Number(first.start, first.end, _grouped(first, bare[first.end - 1]))


def _grouped(number: Any, last: str) -> str:
    """Return a figure that is easy to read: 200,000 and 3 million."""
    unit = _ROUND.get(last)
    if unit and number.value >= unit:
        return f"{number.value / unit:,.10g} {last}"
    whole = float(number.value).is_integer() and not number.is_ordinal
    return f"{number.value:,.0f}" if whole and number.value >= _GROUPED else number.text


def _with_unit(number: _Number, bare: list[str], marks: list[str]) -> _Number:
    """Return a number with its sign of percent or dollars; without, one word stays."""
    start, end, text = number.start, number.end, number.text
    unit = bare[end] if end < len(bare) and not marks[end - 1] else ""
    if unit == "percent":
        return _Number(start, end + 1, f"{text}%")
    if unit == "dollars":
        return _Number(start, end + 1, f"${text}")
    return number if end - start > 1 else _Number(start, end, bare[start])
