"""Layout options of transcript files, and the format of their times and texts."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import TypeVar

from asr.formats.transcript import Segment, Transcript, Word

T = TypeVar("T")
_Span = TypeVar("_Span", Segment, Word)


@dataclass(frozen=True)
class Layout:
    """Layout options of the output formats.

    Args:
        name: Name of the recording in `ctm` and `trn`; white space becomes `_`.
        channel: Channel of the recording in `ctm`.
        max_line_width: Characters per line of `srt` and `vtt`.
        max_line_count: Lines per subtitle.
        max_words_per_line: Words per line of a subtitle; None for any number.
        highlight_words: Underline each word of a subtitle while it is spoken.
    """

    name: str = "audio"
    channel: int = 1
    max_line_width: int = 42
    max_line_count: int = 2
    max_words_per_line: int | None = None
    highlight_words: bool = False


DEFAULT = Layout()


def fill_gaps(
    intervals: Iterable[tuple[float, float, T]], now: float, end: float, empty: T
) -> Iterator[tuple[float, float, T]]:
    """Yield intervals with a length, and `empty` ones between them up to `end`."""
    for start, stop, content in intervals:
        if stop > start:
            if start > now:
                yield now, start, empty
            yield start, stop, content
            now = stop
    if end > now:
        yield now, end, empty


def format_seconds(value: float) -> str:
    """Format as seconds with three decimals."""
    return f"{to_milliseconds(value) / 1000:.3f}"


def timed_segments(transcript: Transcript) -> Iterator[Segment]:
    """Yield the segments with times in whole milliseconds, monotonic in a channel."""
    for segment in _timed(transcript.segments, 0.0, transcript.duration):
        words = segment.words and tuple(
            _timed(segment.words, segment.start, segment.end)
        )
        yield replace(segment, words=words)


def _timed(spans: Iterable[_Span], last: float, limit: float) -> Iterator[_Span]:
    """Clamp times between the end before and a limit, in whole milliseconds."""
    ends: dict[int | None, float] = {}  # speakers of two channels may overlap
    for span in spans:
        channel = span.channel if isinstance(span, Segment) else None
        before = ends.get(channel, last)
        start = max(before, to_milliseconds(min(span.start, limit)) / 1000)
        end = max(start, to_milliseconds(min(span.end, limit)) / 1000)
        ends[channel] = end
        yield replace(span, start=start, end=end)


def to_milliseconds(seconds: float) -> int:
    """Round down, so that no time exceeds the end of the recording."""
    # 0.57 * 1000 is 569.9999999999999: a nanosecond more keeps it 570.
    return math.floor(float(seconds) * 1000 + 1e-6)


def one_line(text: str) -> str:
    """Collapse white space: tabs and blank lines would break the formats."""
    return " ".join(text.split())
