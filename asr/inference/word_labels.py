"""Labels of words -> words with their case and punctuation."""

from __future__ import annotations

import re
from typing import NamedTuple

import numpy as np

from asr.text.written import CASES, MARKS, SENTENCE_ENDS, with_case

_PLAIN = re.compile(r"[A-Za-z'\u2019-]*[A-Za-z][A-Za-z'\u2019-]*")
_MARKABLE = re.compile(r".*[A-Za-z0-9'\u2019%]", re.DOTALL)
_MARKS = "".join(MARKS)
_FIRST_PERSON = re.compile(r"i(['\u2019].*)?", re.IGNORECASE)
_ENDS = [MARKS.index(mark) for mark in sorted(SENTENCE_ENDS)]


class Label(NamedTuple):
    """Label of a word.

    Attributes:
        mark: Index of the mark behind it.
        end: The same, if the word ends the text.
        cases: Index of its case, with each mark.
    """

    mark: int
    end: int
    cases: list[int]


def labels_of(probabilities: np.ndarray) -> list[Label]:
    """Choose the most probable marks and cases, (n, C, M) -> n labels."""
    marks = probabilities.sum(axis=1)
    best, cases = marks.argmax(axis=1), probabilities.argmax(axis=1)
    ends = np.array(_ENDS)[marks[:, _ENDS].argmax(axis=1)]
    every = zip(best.tolist(), ends.tolist(), cases.tolist(), strict=True)
    return [Label(*entry) for entry in every]


def is_mark(word: str) -> bool:
    """Tell whether a word is punctuation alone."""
    return bool(word) and not word.strip(_MARKS)


class Writer:
    """Writes the words of one text in turn.

    Args:
        spellings: Word in lower case -> its spelling with capitals inside.
        keeps_capitals: Whether words in capitals stay so, as in a text that is mostly
            in lower case.
    """

    def __init__(
        self, spellings: dict[str, str], *, keeps_capitals: bool = False
    ) -> None:
        self._spellings, self._keeps_capitals = spellings, keeps_capitals
        self._begins = True  # the next word begins a sentence

    def write(
        self, word: str, label: Label, *, last: bool = False, marked: bool = False
    ) -> str:
        """Return a word in its case, with the mark behind it.

        Args:
            word: The word; a mark that it has stays.
            label: Its label.
            last: Whether it ends the text, and so a sentence.
            marked: Whether a mark follows, apart from the word.
        """
        if is_mark(word):
            self._begins |= not SENTENCE_ENDS.isdisjoint(word)
            return word
        place = label.end if last else label.mark
        case, mark = CASES[label.cases[place]], MARKS[place]
        stem = word.rstrip(_MARKS)
        behind = word[len(stem) :]
        if not (behind or marked) and _MARKABLE.fullmatch(stem):
            behind = mark
        begins, self._begins = self._begins, not SENTENCE_ENDS.isdisjoint(behind)
        return self._cased(stem, case, begins=begins) + behind

    def _cased(self, word: str, case: str, *, begins: bool) -> str:
        written_by_hand = not (word.islower() or word.isupper())
        written_by_hand |= self._keeps_capitals and word.isupper() and len(word) > 1
        if written_by_hand or not _PLAIN.fullmatch(word):
            return word
        if case == "mixed":
            return self._spellings.get(word.lower(), with_case(word, case))
        if case == "lower" and (begins or _FIRST_PERSON.fullmatch(word)):
            return with_case(word, "title")
        return with_case(word, case)
