"""References in ctm: utterances where both texts pause, as in sclite.

sclite divides a channel into utterances of about 50 words. An utterance ends where a
gap between two words of the reference and one of the hypothesis overlap in time. The
search begins at 50 words and goes back; without such a place it begins at 100, 200, ...

Reference:
    NIST Scoring Toolkit (SCTK) 2.4, `ctm2ctm.c`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import chain

from asr.formats.nist import Side, Word, by_side, in_time_order

_WORDS = 50
_FAR = 999999.99  # seconds: the end of the gap after the last word

Facts = dict[str, Mapping[str, str]]


def whole_sides(words: Iterable[Word]) -> tuple[dict[str, str], Facts]:
    """Return text and facts of each channel of a recording."""
    texts = {_name(side): _text(part) for side, part in by_side(words).items()}
    return texts, {name: {"speaker": name} for name in texts}


def chunks(
    references: Iterable[Word], hypotheses: Iterable[Word]
) -> tuple[dict[str, str], Facts, dict[str, str]]:
    """Divide the channels of references and hypotheses into utterances.

    Returns:
        Utterance -> text of the references, their facts, and the same of the
        hypotheses. A channel that only one of them has is one utterance.
    """
    texts: dict[str, str] = {}
    facts: Facts = {}
    recognised = {side: _ordered(x) for side, x in by_side(hypotheses).items()}
    hypothesis_texts = {}
    for side, words in by_side(references).items():
        name = _name(side)
        spoken = recognised.pop(side, None)
        for number, (one, other) in enumerate(_divided(_ordered(words), spoken)):
            utterance = f"{name}-{number:04d}"
            texts[utterance], facts[utterance] = _text(one), {"speaker": name}
            if spoken is not None:
                hypothesis_texts[utterance] = _text(other)
    extra = {_name(side): _text(words) for side, words in recognised.items()}
    return texts, facts, hypothesis_texts | extra


def _name(side: Side) -> str:
    return "-".join(side)


def _text(words: Iterable[Word]) -> str:
    return " ".join(word.text for word in words)


def _ordered(words: Iterable[Word]) -> list[Word]:
    return list(chain.from_iterable(in_time_order(words)))


def _divided(
    reference: list[Word], hypothesis: list[Word] | None
) -> Iterable[tuple[list[Word], list[Word]]]:
    if hypothesis is None:
        yield reference, []
        return
    first = second = 0
    while first < len(reference) or second < len(hypothesis):
        words, place = _WORDS, None
        while place is None:
            place = _Search(reference, hypothesis, first, second).place(words)
            words *= 2
        yield reference[first : place[0]], hypothesis[second : place[1]]
        first, second = place


class _Search:
    """Search of the end of an utterance that begins at two positions."""

    def __init__(
        self, reference: Sequence[Word], hypothesis: Sequence[Word], r: int, h: int
    ) -> None:
        self._texts = reference, hypothesis
        self._starts = r, h
        self._ends = [0, 0]  # the last words, and the search moves them back

    def place(self, most: int) -> tuple[int, int] | None:
        """Return the positions after the last words of the utterance, if any fit."""
        rests = [
            len(text) - 1 - start
            for text, start in zip(self._texts, self._starts, strict=True)
        ]
        if all(rest < most for rest in rests):
            return len(self._texts[0]), len(self._texts[1])
        self._ends = [
            start + min(most, rest)
            for start, rest in zip(self._starts, rests, strict=True)
        ]
        self._leave_alternation(0)
        self._leave_alternation(1)
        self._synchronise()
        while all(self._room(side) for side in (0, 1)):
            if _overlap(self._gap(0), self._gap(1)) >= 0:
                break
            self._shift()
        if any(self._room(side) for side in (0, 1)):
            return self._ends[0] + 1, self._ends[1] + 1
        return None

    def _room(self, side: int) -> bool:
        return self._ends[side] > self._starts[side]

    def _inside(self, side: int) -> bool:
        return self._ends[side] >= self._starts[side]

    def _word(self, side: int) -> Word:
        end = self._ends[side]
        return self._texts[side][end] if end >= 0 else Word(("", ""), 0.0, 0.0, "")

    def _leave_alternation(self, side: int) -> bool:
        """Move the end of a side in front of an alternation."""
        moved = False
        while self._inside(side) and self._word(side).alternate:
            self._ends[side] -= 1
            moved = True
        return moved

    def _apart(self, side: int) -> bool:
        """Return whether the last word of a side begins later, without overlap."""
        one, other = self._word(side), self._word(1 - side)
        return one.begin > other.begin and _overlap(_span(one), _span(other)) < 0

    def _synchronise(self) -> None:
        """Move the later end back until the last words overlap."""
        skipped = True
        while skipped:
            skipped = False
            if self._word(0).begin > self._word(1).begin:
                while not skipped and self._inside(0) and self._apart(0):
                    self._ends[0] -= 1
                    skipped = self._leave_alternation(0)
            else:
                while not skipped and self._inside(1) and self._apart(1):
                    self._ends[1] -= 1
                    skipped = self._leave_alternation(1)

    def _shift(self) -> None:
        """Move the later end one word back, and the other one after it."""
        skipped = True
        while skipped:
            skipped = False
            if self._word(0).begin > self._word(1).begin:
                if self._room(0):
                    self._ends[0] -= 1
                    skipped = self._leave_alternation(0)
                while not skipped and self._inside(1) and self._apart(1):
                    self._ends[1] -= 1
                    skipped = self._leave_alternation(1)
            else:
                if self._room(1):
                    self._ends[1] -= 1
                    skipped = self._leave_alternation(1)
                while not skipped and self._inside(0) and self._apart(0):
                    self._ends[0] -= 1
                    skipped = self._leave_alternation(0)

    def _gap(self, side: int) -> tuple[float, float]:
        """Return begin and end of the gap after the last word."""
        end, text = self._ends[side], self._texts[side]
        after = text[end + 1].begin if end + 1 < len(text) else _FAR
        return _span(text[end])[1], after


def _span(word: Word) -> tuple[float, float]:
    return word.begin, word.begin + word.length


def _overlap(one: tuple[float, float], other: tuple[float, float]) -> float:
    """Return the common time of two spans; negative if they are apart."""
    return min(one[1], other[1]) - max(one[0], other[0])
