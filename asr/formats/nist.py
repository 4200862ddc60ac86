"""NIST formats with times: segments (stm) and words (ctm).

| file | content of a line |
| --- | --- |
| stm | recording, channel, speaker, begin and end in seconds, `<labels>` or not, text |
| ctm | recording, channel, begin and length in seconds, word; the rest is ignored |

Words are assigned to segments as in sclite: to the first segment that ends after the
middle of the word, or else to the last segment, and never to one before that of the
word before. An alternation stands where the latest middle of its words is. Words in
ignored segments are dropped.

Reference:
    NIST Scoring Toolkit (SCTK) 2.4, file formats of sclite.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from ctypes import c_float
from itertools import accumulate, pairwise
from operator import itemgetter
from typing import NamedTuple

from asr.formats.lines import Line

_NUMBER = r"-?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)"
_STM = re.compile(
    rf"(?P<recording>\S+)\s+(?P<channel>\S+)\s+(?P<speaker>\S+)"
    rf"\s+(?P<begin>{_NUMBER})\s+(?P<end>{_NUMBER})"
    r"(?:\s+(?P<labels><\S*))?(?:\s+(?P<text>.*))?"
)
_CTM = re.compile(
    rf"(?P<recording>\S+)\s+(?P<channel>\S+)\s+(?P<begin>{_NUMBER}|\*)"
    rf"\s+(?P<length>{_NUMBER}|\*)\s+(?P<word>\S+)(?:\s.*)?"
)
_IGNORED = re.compile(
    "ignore_time_segment_in_scoring|ignoretimesegmentinscoring", re.IGNORECASE
)
_ALTERNATIONS = {"<ALT_BEGIN>": "{", "<ALT>": "/", "<ALT_END>": "}"}

_DISORDER = 1.0  # seconds

Side = tuple[str, str]
"""Recording and channel in lower case, the key that both files share."""


class Segment(NamedTuple):
    """Segment of a recording, times in seconds; no text if scoring ignores it."""

    recording: str
    channel: str
    speaker: str
    begin: float
    end: float
    text: str | None

    @property
    def side(self) -> Side:
        """Recording and channel."""
        return self.recording.casefold(), self.channel.casefold()


class Word(NamedTuple):
    """Word or mark of an alternation; times in seconds.

    Attributes:
        side: Recording and channel.
        begin: Begin; 0 for a mark without times.
        length: Length; 0 for a mark without times.
        text: The word, or `{`, `/` and `}` for the marks of an alternation.
        alternate: It belongs to an alternation, as its marks do.
    """

    side: Side
    begin: float
    length: float
    text: str
    alternate: bool = False

    @property
    def middle(self) -> float:
        """Middle of the word in seconds."""
        return self.begin + self.length / 2

    @property
    def is_mark(self) -> bool:
        """It is a mark of an alternation."""
        return self.alternate and self.text in _ALTERNATIONS.values()


def is_stm(text: str, *, named: bool = False) -> bool:
    """Return True for the text of a line of an stm file.

    Unless the file is `named` so, it has labels or times with a decimal point, which
    other texts rarely have in this place.
    """
    match = _STM.fullmatch(text)
    if match is None or float(match["begin"]) >= float(match["end"]):
        return False
    points = "." in match["begin"] and "." in match["end"]
    return named or points or match["labels"] is not None


def is_ctm(text: str, *, named: bool = False) -> bool:
    """Return True for the text of a line of a ctm file; `named` as for `is_stm`."""
    match = _CTM.fullmatch(text)
    if match is None:
        return False
    mark = match["word"].upper() in _ALTERNATIONS
    return named or mark or "." in match["begin"] + match["length"]


def read_segments(lines: Iterable[Line]) -> dict[str, Segment]:
    """Read the segments of a reference.

    Returns:
        Utterance name as in sclite (speaker and number) -> segment, in time order.
        Ignored segments take no number; their names say that they are ignored.

    Raises:
        DataError: A line does not have the stm form.
    """
    segments = []
    for line in lines:
        match = _STM.fullmatch(line.text)
        if match is None:
            raise line.error("not an stm line: recording, channel, speaker, two times")
        recording, channel, speaker, begin, end, _, text = match.groups(default="")
        known = None if _IGNORED.search(text) else text
        times = float(begin), float(end)
        segments.append(Segment(recording, channel, speaker, *times, known))
    segments.sort(key=lambda segment: (segment.side, segment.begin))
    numbers: Counter[tuple[str, bool]] = Counter()
    named = {}
    for segment in segments:
        ignored = segment.text is None
        number = numbers[segment.speaker.casefold(), ignored]
        numbers[segment.speaker.casefold(), ignored] += 1
        mark = "ignored-" if ignored else ""
        named[f"{segment.speaker}-{mark}{number:03d}"] = segment
    return named


def read_words(lines: Iterable[Line]) -> list[Word]:
    """Read the words of a ctm file, and the marks of alternations.

    Raises:
        DataError: A line does not have the ctm form, or an alternation is not closed.
    """
    words: list[Word] = []
    opening: Line | None = None
    for line in lines:
        match = _CTM.fullmatch(line.text)
        if match is None:
            raise line.error("not a ctm line: recording, channel, two times, word")
        side = match["recording"].casefold(), match["channel"].casefold()
        mark = _ALTERNATIONS.get(match["word"].upper())
        if mark:
            if (mark == "{") == (opening is not None):
                raise line.error(f"{match['word']} without the begin or end before it")
            opening = None if mark == "}" else opening or line
            words.append(Word(side, 0.0, 0.0, mark, alternate=True))
            continue
        if "*" in (match["begin"], match["length"]):
            raise line.error("a word without its times")
        times = float(match["begin"]), float(match["length"])
        words.append(Word(side, *times, match["word"], opening is not None))
        if opening and len(words) > 1 and words[-2].side != side:
            raise opening.error("an alternation is not closed in its channel")
    if opening:
        raise opening.error("an alternation is not closed")
    return words


def by_side(words: Iterable[Word]) -> dict[Side, list[Word]]:
    """Return the words of each recording and channel, in the order of the file."""
    sides: defaultdict[Side, list[Word]] = defaultdict(list)
    for word in words:
        sides[word.side].append(word)
    return dict(sides)


def assign_words(
    segments: Mapping[str, Segment], words: Iterable[Word]
) -> dict[str, str]:
    """Assign recognised words to segments by time.

    Returns:
        Utterance -> text, without ignored segments and without recordings that have no
        words. Words of recordings that have no segment are under recording and channel.
    """
    names: defaultdict[Side, list[str]] = defaultdict(list)
    for name, segment in segments.items():
        names[segment.side].append(name)
    recognised = by_side(words)
    texts: dict[str, list[str]]
    texts = {name: [] for name, s in segments.items() if s.side in recognised}
    for side, spoken in recognised.items():
        if side not in names:
            texts[" ".join(side)] = [word.text for word in spoken]
            continue
        ends = [segments[name].end for name in names[side]]
        for position, part in _positions(ends, spoken):
            texts[names[side][position]] += [word.text for word in part]
    ignored = {name for name, segment in segments.items() if segment.text is None}
    return {name: " ".join(texts[name]) for name in texts if name not in ignored}


def _positions(
    ends: Sequence[float], words: Sequence[Word]
) -> Iterator[tuple[int, list[Word]]]:
    """Yield words and whole alternations with the position of their segment."""
    # sclite keeps these times as 32-bit numbers, which decides ties.
    ends = [c_float(end).value for end in ends]
    # The latest end so far, which makes the ends of overlapping segments ascend.
    ends = list(accumulate(ends, max))
    position = 0
    for part in in_time_order(words):
        middle = max((x.middle for x in part if not x.is_mark), default=0.0)
        found = min(bisect_right(ends, middle), len(ends) - 1)
        position = max(position, found)
        yield position, part


def in_time_order(words: Iterable[Word]) -> list[list[Word]]:
    """Return words and whole alternations; by begin if the file is out of order.

    sclite expects a file in order of time, and so keeps the order of words that begin
    up to a second too early, as where two speakers overlap.
    """
    parts: list[list[Word]] = [[]]
    for word in words:
        parts[-1].append(word)
        if not word.alternate or word.text == "}":
            parts.append([])
    begin = 0.0  # an alternation without words stays behind the word before
    begins = []
    for part in filter(None, parts):
        begin = min((x.begin for x in part if not x.is_mark), default=begin)
        begins.append((begin, part))
    if any(after[0] < before[0] - _DISORDER for before, after in pairwise(begins)):
        begins.sort(key=itemgetter(0))
    return [part for _, part in begins]
