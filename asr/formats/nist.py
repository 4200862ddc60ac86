"""NIST's marked times: segments of a reference (stm), words of a hypothesis (ctm).

| file | a line |
| --- | --- |
| stm | recording, channel, speaker, begin and end in seconds, `<labels>` or not, text |
| ctm | recording, channel, begin and length in seconds, word; the rest is not read |

Hypotheses are cut as sclite cuts them: a word belongs to the first segment that ends
after the middle of the word, and words after the last segment belong to that one. Words
in segments that are to be ignored are dropped.

Reference:
    NIST Scoring Toolkit (SCTK) 2.4, file formats of sclite.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from itertools import accumulate
from typing import NamedTuple, Protocol

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


class Line(Protocol):
    """A line of a file: its text, and errors that name it."""

    @property
    def text(self) -> str:
        """The line without white space around it."""

    def error(self, wrong: str) -> Exception:
        """Make an error that names the line."""


class Segment(NamedTuple):
    """A stretch of a recording and what was said in it.

    Attributes:
        recording: Name of the recording.
        channel: Its channel.
        speaker: Who spoke.
        begin: In seconds.
        end: In seconds.
        text: What was said, or None where it is not to be scored.
    """

    recording: str
    channel: str
    speaker: str
    begin: float
    end: float
    text: str | None

    @property
    def side(self) -> tuple[str, str]:
        """Recording and channel, as both files are compared by."""
        return self.recording.casefold(), self.channel.casefold()


class Word(NamedTuple):
    """A word or the mark of an alternation, and the middle of it in seconds."""

    side: tuple[str, str]
    middle: float
    text: str


def is_stm(line: str) -> bool:
    """Whether a line may be one of a reference with marked times."""
    found = _STM.fullmatch(line)
    return found is not None and float(found["begin"]) < float(found["end"])


def has_labels(line: str) -> bool:
    """Whether a line of a reference names subsets, as hardly any other text does."""
    found = _STM.fullmatch(line)
    return found is not None and found["labels"] is not None


def read_segments(lines: Iterable[Line]) -> dict[str, Segment]:
    """Read a reference.

    Returns:
        Utterance, as sclite names it (speaker and number), -> segment, in time order.

    Raises:
        DataError: A line has not the form of one.
    """
    segments = []
    for line in lines:
        found = _STM.fullmatch(line.text)
        if found is None:
            raise line.error("no stm line: recording, channel, speaker, two times")
        text = found["text"] or ""
        segments.append(
            Segment(
                found["recording"],
                found["channel"],
                found["speaker"],
                float(found["begin"]),
                float(found["end"]),
                None if text.casefold() == _IGNORED else text,
            )
        )
    segments.sort(key=lambda segment: (segment.side, segment.begin))
    numbers: Counter[str] = Counter()
    named = {}
    for segment in segments:
        named[f"{segment.speaker}-{numbers[segment.speaker]:03d}"] = segment
        numbers[segment.speaker] += 1
    return named


def read_words(lines: Iterable[Line]) -> list[Word]:
    """Read a hypothesis; all of an alternation has the time of its first word.

    Raises:
        DataError: A line has not the form of one.
    """
    words: list[Word] = []
    middle = 0.0
    opening = inside = False  # an alternation: its brace waits for the first word
    for line in lines:
        found = _CTM.fullmatch(line.text)
        if found is None:
            raise line.error("no ctm line: recording, channel, two times, word")
        side = found["recording"].casefold(), found["channel"].casefold()
        mark = _ALTERNATIONS.get(found["word"])
        if mark == "{":
            opening = inside = True
            continue
        if not mark and (opening or not inside):
            if "*" in (found["begin"], found["length"]):
                raise line.error("a word without its times")
            middle = float(found["begin"]) + float(found["length"]) / 2
        if opening:
            words.append(Word(side, middle, "{"))
            opening = False
        words.append(Word(side, middle, mark or found["word"]))
        inside = inside and mark != "}"
    return words


def cut(segments: Mapping[str, Segment], words: Iterable[Word]) -> dict[str, str]:
    """Give each segment the words that were recognised in it.

    Args:
        segments: What `read_segments` returned.
        words: What `read_words` returned.

    Returns:
        Utterance -> text, for segments that are to be scored, of recordings in which
        there are words; and recording and channel -> text, where the reference lacks
        these.
    """
    sides: defaultdict[tuple[str, str], list[str]] = defaultdict(list)
    for name, segment in segments.items():
        sides[segment.side].append(name)
    # The latest end so far: beyond it no earlier segment can end after a word.
    ends = {
        side: list(accumulate((segments[name].end for name in names), max))
        for side, names in sides.items()
    }
    texts: defaultdict[str, list[str]] = defaultdict(list)
    heard = set()
    for side, middle, text in words:
        heard.add(side)
        if side in sides:
            place = min(bisect_right(ends[side], middle), len(ends[side]) - 1)
            texts[sides[side][place]].append(text)
        else:
            texts[" ".join(side)].append(text)
    ignored = {name for name, segment in segments.items() if segment.text is None}
    silent: dict[str, list[str]] = {
        name: [] for name, segment in segments.items() if segment.side in heard
    }
    return {
        name: " ".join(found)
        for name, found in {**silent, **texts}.items()
        if name not in ignored
    }
