"""NIST formats with times: reference segments (stm) and hypothesis words (ctm).

| file | content of a line |
| --- | --- |
| stm | recording, channel, speaker, begin and end in seconds, `<labels>` or not, text |
| ctm | recording, channel, begin and length in seconds, word; the rest is ignored |

Words are assigned to segments as in sclite: to the first segment that ends after the
middle of the word, or else to the last segment. Words in ignored segments are dropped.

Reference:
    NIST Scoring Toolkit (SCTK) 2.4, file formats of sclite.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from itertools import accumulate
from pathlib import Path
from typing import NamedTuple

from asr.errors import DataError

_NUMBER = r"(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)"
_STM = re.compile(
    rf"(?P<recording>\S+)\s+(?P<channel>\S+)\s+(?P<speaker>\S+)"
    rf"\s+(?P<begin>{_NUMBER})\s+(?P<end>{_NUMBER})"
    r"(?:\s+<(?P<labels>[^>]*)>)?(?:\s+(?P<text>.*))?"
)
_CTM = re.compile(
    rf"(?P<recording>\S+)\s+(?P<channel>\S+)\s+(?P<begin>{_NUMBER}|\*)"
    rf"\s+(?P<length>{_NUMBER}|\*)\s+(?P<word>\S+)(?:\s.*)?"
)
_IGNORED = "ignore_time_segment_in_scoring"
_ALTERNATIONS = {"<ALT_BEGIN>": "{", "<ALT>": "/", "<ALT_END>": "}"}


class Line(NamedTuple):
    """Line of a file.

    Attributes:
        number: Line number, from 1.
        text: Line without surrounding white space.
        file: Path of the file, for error messages.
    """

    number: int
    text: str
    file: Path

    def error(self, wrong: str) -> DataError:
        """Create an error that names this line."""
        return DataError(f"{self.file}:{self.number}: {wrong}")


class Segment(NamedTuple):
    """Segment of a recording, times in seconds; no text if scoring ignores it."""

    recording: str
    channel: str
    speaker: str
    begin: float
    end: float
    text: str | None

    @property
    def side(self) -> tuple[str, str]:
        """Recording and channel in lower case, the key that both files share."""
        return self.recording.casefold(), self.channel.casefold()


class Word(NamedTuple):
    """Word or mark of an alternation; `middle` is in seconds."""

    side: tuple[str, str]
    middle: float
    text: str


def is_stm(lines: Iterable[Line], *, named: bool) -> bool:
    """Return True if all lines have the stm form.

    Unless the file is named so, one has `<labels>`, which other texts rarely have.
    """
    matches = [_STM.fullmatch(line.text) for line in lines]
    named = named or any(match and match["labels"] is not None for match in matches)
    return named and all(m and float(m["begin"]) < float(m["end"]) for m in matches)


def read_segments(lines: Iterable[Line]) -> dict[str, Segment]:
    """Read the segments of a reference.

    Returns:
        Utterance name as in sclite (speaker and number) -> segment, in time order.

    Raises:
        DataError: A line does not have the stm form.
    """
    segments = []
    for line in lines:
        match = _STM.fullmatch(line.text)
        if match is None:
            raise line.error("not an stm line: recording, channel, speaker, two times")
        recording, channel, speaker, begin, end, _, text = match.groups(default="")
        known = None if text.casefold() == _IGNORED else text
        times = float(begin), float(end)
        segments.append(Segment(recording, channel, speaker, *times, known))
    segments.sort(key=lambda segment: (segment.side, segment.begin))
    numbers: Counter[str] = Counter()
    named = {}
    for segment in segments:
        named[f"{segment.speaker}-{numbers[segment.speaker]:03d}"] = segment
        numbers[segment.speaker] += 1
    return named


def read_words(lines: Iterable[Line]) -> list[Word]:
    """Read the words of a hypothesis; an alternation has the time of its first word.

    Raises:
        DataError: A line does not have the ctm form.
    """
    words: list[Word] = []
    middle = 0.0
    opening = inside = False  # an alternation's brace is written with its first word
    for line in lines:
        match = _CTM.fullmatch(line.text)
        if match is None:
            raise line.error("not a ctm line: recording, channel, two times, word")
        side = match["recording"].casefold(), match["channel"].casefold()
        mark = _ALTERNATIONS.get(match["word"])
        if mark == "{":
            opening = inside = True
            continue
        if not mark and (opening or not inside):
            if "*" in (match["begin"], match["length"]):
                raise line.error("a word without its times")
            middle = float(match["begin"]) + float(match["length"]) / 2
        if opening:
            words.append(Word(side, middle, "{"))
            opening = False
        words.append(Word(side, middle, mark or match["word"]))
        inside = inside and mark != "}"
    return words


def assign_words(
    segments: Mapping[str, Segment], words: Iterable[Word]
) -> dict[str, str]:
    """Assign recognised words to segments by time.

    Returns:
        Utterance -> text, without ignored segments and without recordings that have no
        words. Words of recordings that have no segment are under recording and channel.
    """
    sides: defaultdict[tuple[str, str], list[str]] = defaultdict(list)
    for name, segment in segments.items():
        sides[segment.side].append(name)
    # The latest end so far, which makes the ends of overlapping segments ascend.
    ends = {
        side: list(accumulate((segments[name].end for name in names), max))
        for side, names in sides.items()
    }
    words = list(words)
    recognised = {word.side for word in words}
    texts: dict[str, list[str]]
    texts = {name: [] for name, s in segments.items() if s.side in recognised}
    for side, middle, text in words:
        name = " ".join(side)
        if side in sides:
            position = min(bisect_right(ends[side], middle), len(ends[side]) - 1)
            name = sides[side][position]
        texts.setdefault(name, []).append(text)
    ignored = {name for name, segment in segments.items() if segment.text is None}
    return {name: " ".join(texts[name]) for name in texts if name not in ignored}
