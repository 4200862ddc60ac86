"""A transcript as subtitles that can be read: short lines, few at a time."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from asr.errors import UsageError
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
        lines: Its words, line by line.
        words: The same words with their times; empty where these are not known.
        said: Index of the word that is said meanwhile and stands out, or None.
    """

    start: float
    end: float
    lines: tuple[tuple[str, ...], ...]
    words: tuple[Word, ...] = ()
    said: int | None = None


def cues(
    segments: Iterable[Segment], duration: float, *, width: int = 42, lines: int = 2
) -> list[Cue]:
    """Divide a transcript into subtitles.

    A new one begins with each segment, after a pause of a second, and where the one
    before has all its lines or has been there for 7 seconds. Each stays for 0.8 s at
    least if the next one leaves it the time. A segment whose words have no times is
    one subtitle, however long.

    Args:
        segments: Segments with text, in order of time.
        duration: Length of the recording in seconds.
        width: Characters of a line; a longer word stays whole.
        lines: Lines of a subtitle.

    Raises:
        UsageError: A size is not positive.
    """
    if width < 1 or lines < 1:
        raise UsageError(f"subtitles of {lines} lines of {width} characters")
    found: list[Cue] = []
    for segment in segments:
        if segment.words:
            found.extend(_cue(part, width) for part in _parts(segment, width, lines))
        else:
            wrapped = _wrap(segment.text.split(), width)
            found.append(Cue(segment.start, segment.end, wrapped))
    limits = [*(cue.start for cue in found[1:]), duration]
    return [
        replace(cue, end=max(cue.end, min(cue.start + _SHORTEST_SECONDS, limit)))
        for cue, limit in zip(found, limits, strict=False)
    ]


def highlighted(cue: Cue) -> Iterator[Cue]:
    """Show a subtitle word by word: the same text, with the word that is said marked.

    Between words, and where their times are not known, none is marked.
    """
    now = cue.start
    for place, word in enumerate(cue.words):
        if word.end <= word.start:
            continue
        if word.start > now:
            yield replace(cue, start=now, end=word.start)
        yield replace(cue, start=word.start, end=word.end, said=place)
        now = word.end
    if cue.end > now or now == cue.start:
        yield replace(cue, start=now)


def _parts(segment: Segment, width: int, lines: int) -> Iterator[tuple[Word, ...]]:
    """Divide the words of a segment among subtitles."""
    part: list[Word] = []
    for word in segment.words or ():
        full = len(_wrap([w.word for w in [*part, word]], width)) > lines
        if part and (
            full
            or word.start - part[-1].end >= _PAUSE_SECONDS
            or word.end - part[0].start > _LONGEST_SECONDS
        ):
            yield tuple(part)
            part = []
        part.append(word)
    yield tuple(part)


def _cue(words: tuple[Word, ...], width: int) -> Cue:
    lines = _wrap([word.word for word in words], width)
    return Cue(words[0].start, words[-1].end, lines, words)


def _wrap(words: list[str], width: int) -> tuple[tuple[str, ...], ...]:
    wrapped = textwrap.wrap(
        " ".join(words), width, break_long_words=False, break_on_hyphens=False
    )
    return tuple(tuple(line.split(" ")) for line in wrapped)
