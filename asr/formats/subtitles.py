"""Division of a transcript into subtitles."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise
from typing import NamedTuple

from asr.errors import UsageError
from asr.formats.layout import fill_gaps
from asr.formats.line_breaks import balanced_lines, break_gain, broken_word
from asr.formats.transcript import Segment, Word

_PAUSE_SECONDS = 1.0
_LONGEST_SECONDS = 7.0
_SHORTEST_SECONDS = 1.0
# Costs of a division, beside 1 for each subtitle and the square of its fill.
_SEGMENT_GAIN = 1.5  # for an end with a segment
_PAUSE_GAIN = 0.8  # for a pause of a second
_SHORT_COST = 1.0  # for each second that is lacking
_LONE_COST = 10.0  # for a single word that is short


class Cue(NamedTuple):
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


class _Unit(NamedTuple):
    """A word on its way into a subtitle.

    Args:
        word: The word; without word times its place in the segment gives its times.
        timed: Its times are known.
        last: It is the last of its segment.
    """

    word: Word
    timed: bool
    last: bool


class _Room(NamedTuple):
    """Most characters of a line, lines of a subtitle and words of a line."""

    width: int
    lines: int
    words: float


def cues(
    segments: Iterable[Segment],
    duration: float,
    *,
    width: int = 42,
    lines: int = 2,
    words: int | None = None,
) -> list[Cue]:
    """Divide a transcript into subtitles.

    A subtitle ends before a pause of a second, when its lines are full, and after 7
    seconds. The others end where it suits best: with a segment, at a pause, after a
    mark, between phrases, so that they are few and of similar length. A subtitle stays
    for at least a second unless the next one begins earlier; a single word that would
    not joins a neighbour that has room. Without word times, those of a segment are
    spread over its characters.

    Args:
        segments: Segments with text, in order of time.
        duration: Length of the recording in seconds.
        width: Characters per line; longer words are broken only where the script has
            no spaces.
        lines: Lines per subtitle.
        words: Words per line; None for any number.

    Raises:
        UsageError: A size is not positive.
    """
    if width < 1 or lines < 1:
        raise UsageError(f"width and lines must be positive, got {width} and {lines}")
    if words is not None and words < 1:
        raise UsageError(f"words must be positive, got {words}")
    room = _Room(width, lines, math.inf if words is None else words)
    divided: list[Cue] = []
    runs = list(_runs(_units(segments, width)))
    limits = [*(run[0].word.start for run in runs[1:]), duration]
    for run, limit in zip(runs, limits, strict=False):
        for part in _divide(run, room, limit):
            shown = tuple(unit.word for unit in part)
            texts = [word.word for word in shown]
            wrapped = balanced_lines(texts, width, room.words)
            timed = all(unit.timed for unit in part)
            cue = Cue(shown[0].start, shown[-1].end, wrapped, shown if timed else ())
            divided.append(cue)
    limits = [*(cue.start for cue in divided[1:]), duration]
    return [
        cue._replace(end=max(cue.end, min(cue.start + _SHORTEST_SECONDS, limit)))
        for cue, limit in zip(divided, limits, strict=False)
    ]


def highlight_words(cue: Cue) -> list[Cue]:
    """Split a subtitle by words: the same text, each word highlighted while spoken.

    Between words, and without word times, none is highlighted.
    """
    spoken = [(word.start, word.end, index) for index, word in enumerate(cue.words)]
    parts = fill_gaps(spoken, cue.start, cue.end, None)
    return [
        cue._replace(start=start, end=end, highlighted=index)
        for start, end, index in parts
    ] or [cue]


def _units(segments: Iterable[Segment], width: int) -> Iterator[_Unit]:
    """Yield the words of all segments, long ones broken."""
    for segment in segments:
        words = segment.words or _spread(segment)
        timed = bool(segment.words)
        pieces = [piece for word in words for piece in broken_word(word, width)]
        for piece in pieces[:-1]:
            yield _Unit(piece, timed, last=False)
        for piece in pieces[-1:]:
            yield _Unit(piece, timed, last=True)


def _spread(segment: Segment) -> list[Word]:
    """Return the words of a segment, with times by their characters."""
    texts = segment.text.split()
    total = sum(len(text) + 1 for text in texts)
    share = (segment.end - segment.start) / max(total, 1)
    words, now = [], segment.start
    for text in texts:
        end = min(now + share * (len(text) + 1), segment.end)
        words.append(Word(now, end, text, 0.0))
        now = end
    return words


def _runs(units: Iterable[_Unit]) -> Iterator[list[_Unit]]:
    """Yield words without a pause of a second; without times those of a segment."""
    run: list[_Unit] = []
    for unit in units:
        if run:
            before = run[-1]
            pause = unit.word.start - before.word.end >= _PAUSE_SECONDS
            apart = before.last and not (before.timed and unit.timed)
            if pause or apart:
                yield run
                run = []
        run.append(unit)
    if run:
        yield run


def _divide(run: Sequence[_Unit], room: _Room, limit: float) -> Iterator[list[_Unit]]:
    """Yield the words of each subtitle of a run, at the lowest total cost.

    Args:
        run: Words without a pause of a second.
        room: Sizes of a subtitle.
        limit: Second where the next run begins.
    """
    count = len(run)
    best = [0.0, *[math.inf] * count]  # of the first words, by their number
    before = [0] * (count + 1)  # where their last subtitle begins
    gains = [_gain(one, two) for one, two in pairwise(run)] + [0.0]
    for first in range(count):
        for last, fill in _fitting(run, first, room):
            after = run[last].word.start if last < count else limit
            cost = 1.0 + fill**2 - gains[last - 1]
            end = max(run[last - 1].word.end, after)
            lacking = max(0.0, _SHORTEST_SECONDS - (end - run[first].word.start))
            alone = last == first + 1 and lacking > 0
            cost += _LONE_COST if alone else _SHORT_COST * lacking
            if best[first] + cost < best[last]:
                best[last], before[last] = best[first] + cost, first
    bounds = [count]
    while bounds[-1]:
        bounds.append(before[bounds[-1]])
    for first, last in pairwise(reversed(bounds)):
        yield list(run[first:last])


def _fitting(
    run: Sequence[_Unit], first: int, room: _Room
) -> Iterator[tuple[int, float]]:
    """Yield each end of a subtitle that begins at a word, and its share of the room."""
    lines, held, words, total = 1, 0, 0, 0
    for last in range(first + 1, len(run) + 1):
        size = len(run[last - 1].word.word)
        if words and (held + 1 + size > room.width or words + 1 > room.words):
            lines, held, words = lines + 1, size, 1
        else:
            held, words = held + size + bool(words), words + 1
        total += size + 1
        seconds = run[last - 1].word.end - run[first].word.start
        seconds *= run[first].timed
        if last > first + 1 and (lines > room.lines or seconds > _LONGEST_SECONDS):
            return
        yield last, total / (room.width * room.lines)


def _gain(one: _Unit, two: _Unit) -> float:
    """Return how well a subtitle ends between two words."""
    pause = min(max(0.0, two.word.start - one.word.end), 1.0)
    gain = break_gain(one.word.word, two.word.word) + _PAUSE_GAIN * pause
    return gain + _SEGMENT_GAIN * one.last
