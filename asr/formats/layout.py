"""Layout options of transcript files, and the format of their times and texts."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from asr.formats.transcript import Segment, Transcript, Word


@dataclass(frozen=True)
class Layout:
    """Layout options of the output formats.

    Args:
        name: Name of the recording in `ctm` and `trn`; white space becomes `_`.
        channel: Channel of the recording in `ctm`.
        max_line_width: Characters per line of `srt` and `vtt`.
        max_line_count: Lines per subtitle.
        highlight_words: Underline each word of a subtitle while it is spoken.
    """

    name: str = "audio"
    channel: int = 1
    max_line_width: int = 42
    max_line_count: int = 2
    highlight_words: bool = False


DEFAULT = Layout()


def fill_gaps(
    intervals: Iterable[tuple[float, float, str]], duration: float
) -> Iterator[tuple[float, float, str]]:
    """Yield intervals and empty ones between them, from 0 to `duration`."""
    now = 0.0
    for start, end, text in intervals:
        if end <= start:
            continue
        if start > now:
            yield now, start, ""
        yield start, end, text
        now = end
    if duration > now:
        yield now, duration, ""


def format_seconds(value: float) -> str:
    """Format as seconds with three decimals."""
    whole, fraction = divmod(to_milliseconds(value), 1000)
    return f"{whole}.{fraction:03d}"


def timed_segments(transcript: Transcript) -> Iterator[Segment]:
    """Yield the segments with monotonic times in whole milliseconds."""
    last = 0.0
    for segment in transcript.segments:
        start = _within(segment.start, last, transcript.duration)
        end = _within(segment.end, start, transcript.duration)
        words = segment.words and tuple(_timed_words(segment.words, start, end))
        yield replace(segment, start=start, end=end, words=words)
        last = end


def _timed_words(words: tuple[Word, ...], first: float, limit: float) -> Iterator[Word]:
    """Yield words with monotonic times inside their segment."""
    for word in words:
        start = _within(word.start, first, limit)
        first = _within(word.end, start, limit)
        yield replace(word, start=start, end=first)


def _within(seconds: float, low: float, high: float) -> float:
    """Clamp a time and round it down to whole milliseconds."""
    return max(low, to_milliseconds(min(seconds, high)) / 1000)


def to_milliseconds(seconds: float) -> int:
    """Round down, so that no time exceeds the end of the recording."""
    # 0.57 * 1000 is 569.9999999999999: a nanosecond more keeps it 570.
    return math.floor(float(seconds) * 1000 + 1e-6)


def one_line(text: str) -> str:
    """Collapse white space: tabs and blank lines would break the formats."""
    return " ".join(text.split())
