"""Division of a transcript into subtitles."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from asr.errors import UsageError
from asr.formats.layout import fill_gaps
from asr.formats.transcript import Segment, Word

_PAUSE_SECONDS = 1.0
_LONGEST_SECONDS = 7.0
_SHORTEST_SECONDS = 0.8


@dataclass(frozen=True)
class Cue:
    """One subtitle.

    Args:
        start: Seconds from the start of the recording.
        end: Seconds from the start of the recording.
        lines: Words of each line.
        words: The same words with their times; empty without word times.
        highlighted: Index of the word that is spoken, or None.
    """

    start: float
    end: float
    lines: tuple[tuple[str, ...], ...]
    words: tuple[Word, ...] = ()
    highlighted: int | None = None


def cues(
    segments: Iterable[Segment], duration: float, *, width: int = 42, lines: int = 2
) -> list[Cue]:
    """Divide a transcript into subtitles.

    A subtitle ends with its segment, before a pause of a second, when its lines are
    full, and after 7 seconds. It stays for at least 0.8 s unless the next one begins
    earlier. A segment without word times is one subtitle.

    Args:
        segments: Segments with text, in order of time.
        duration: Length of the recording in seconds.
        width: Characters per line; longer words are not broken.
        lines: Lines per subtitle.

    Raises:
        UsageError: A size is not positive.
    """
    if width < 1 or lines < 1:
        raise UsageError(f"width and lines must be positive, got {width} and {lines}")
    divided: list[Cue] = []
    for segment in segments:
        if segment.words:
            for part in _parts(segment.words, width, lines):
                wrapped = _wrap([word.word for word in part], width)
                divided.append(Cue(part[0].start, part[-1].end, wrapped, tuple(part)))
        else:
            wrapped = _wrap(segment.text.split(), width)
            divided.append(Cue(segment.start, segment.end, wrapped))
    limits = [*(cue.start for cue in divided[1:]), duration]
    return [
        replace(cue, end=max(cue.end, min(cue.start + _SHORTEST_SECONDS, limit)))
        for cue, limit in zip(divided, limits, strict=False)
    ]


def highlight_words(cue: Cue) -> list[Cue]:
    """Split a subtitle by words: the same text, each word highlighted while spoken.

    Between words, and without word times, none is highlighted.
    """
    spoken = [(word.start, word.end, index) for index, word in enumerate(cue.words)]
    parts = fill_gaps(spoken, cue.start, cue.end, None)
    return [
        replace(cue, start=start, end=end, highlighted=index)
        for start, end, index in parts
    ] or [cue]


def _parts(words: Iterable[Word], width: int, lines: int) -> Iterator[list[Word]]:
    """Yield the words of each subtitle of a segment."""
    part: list[Word] = []
    for word in words:
        full = len(_wrap([w.word for w in [*part, word]], width)) > lines
        if part and (
            full
            or word.start - part[-1].end >= _PAUSE_SECONDS
            or word.end - part[0].start > _LONGEST_SECONDS
        ):
            yield part
            part = []
        part.append(word)
    yield part


def _wrap(words: list[str], width: int) -> tuple[tuple[str, ...], ...]:
    wrapped = textwrap.wrap(
        " ".join(words), width, break_long_words=False, break_on_hyphens=False
    )
    return tuple(tuple(line.split(" ")) for line in wrapped)
