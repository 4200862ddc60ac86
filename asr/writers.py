"""A transcript as a file's text: txt, json, tsv, srt, vtt, ctm, trn and TextGrid.

In every format times are whole milliseconds that never decrease, are never negative and
never pass the end of the recording.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any

from asr.errors import UsageError
from asr.subtitles import Cue, cues, highlighted
from asr.transcript import Segment, Transcript, Word


@dataclass(frozen=True)
class Layout:
    """What the formats leave open.

    Args:
        name: What `ctm` and `trn` call the recording; white space becomes `_`.
        channel: Channel of the recording, as `ctm` says it.
        max_line_width: Characters of a line of `srt` and `vtt`.
        max_line_count: Lines of a subtitle.
        highlight_words: Whether each word of a subtitle is marked while it is said.
    """

    name: str = "audio"
    channel: int = 1
    max_line_width: int = 42
    max_line_count: int = 2
    highlight_words: bool = False


_DEFAULT = Layout()


def txt(transcript: Transcript, _: Layout = _DEFAULT) -> str:
    """Write the text alone, one line for each segment.

    Args:
        transcript: What to write.

    Returns:
        Lines that end in a newline; `""` where nothing was said.
    """
    lines = [_one_line(segment.text) for segment in transcript.segments]
    lines = [line for line in lines if line] or [_one_line(transcript.text)]
    return "".join(f"{line}\n" for line in lines if line)


def json_(transcript: Transcript, _: Layout = _DEFAULT) -> str:
    """Write one JSON object: text, segments, language.

    Segments hold `confidence`, `words` and `doubt`, and the object `alternatives` and
    `reason`, only where the transcript has them. Numbers that JSON cannot express (a
    log-probability of minus infinity) are null.

    Args:
        transcript: What to write; times come out in seconds.

    Returns:
        One line of UTF-8 text that ends in a newline.
    """
    written: dict[str, Any] = {
        "text": transcript.text,
        "segments": [_segment_json(segment) for segment in _timed(transcript)],
        "language": transcript.language,
    }
    if transcript.alternatives:
        written["alternatives"] = [
            {"text": alternative.text, "score": _number(alternative.score)}
            for alternative in transcript.alternatives
        ]
    if transcript.reason is not None:
        written["reason"] = transcript.reason
    return json.dumps(written, ensure_ascii=False, allow_nan=False) + "\n"


def tsv(transcript: Transcript, _: Layout = _DEFAULT) -> str:
    """Write tab-separated start, end and text, times in whole milliseconds.

    Args:
        transcript: What to write.

    Returns:
        A heading line, then one line for each segment.
    """
    rows = [
        f"{_milliseconds(segment.start)}\t{_milliseconds(segment.end)}\t"
        f"{_one_line(segment.text)}\n"
        for segment in _timed(transcript)
    ]
    return "start\tend\ttext\n" + "".join(rows)


def srt(transcript: Transcript, layout: Layout = _DEFAULT) -> str:
    """Write SubRip subtitles, numbered from 1; segments without text are left out.

    Args:
        transcript: What to write; lines are divided by the times of its words.
        layout: Sizes; a highlighted word is underlined.

    Returns:
        Blocks of number, `HH:MM:SS,mmm --> HH:MM:SS,mmm` and text, a blank line apart.
    """

    # SubRip has no escape for the arrow that starts a time line.
    def escape(word: str) -> str:
        return re.sub(r"-{2,}>", "->", word)

    return "\n".join(
        f"{number}\n{_clock(cue.start, ',')} --> {_clock(cue.end, ',')}\n"
        f"{_lines(cue, escape)}"
        for number, cue in enumerate(_cues(transcript, layout), start=1)
    )


def vtt(transcript: Transcript, layout: Layout = _DEFAULT) -> str:
    """Write WebVTT subtitles; segments without text are left out.

    Args:
        transcript: What to write; lines are divided by the times of its words.
        layout: Sizes; a highlighted word is underlined.

    Returns:
        `WEBVTT`, then blocks of `HH:MM:SS.mmm --> HH:MM:SS.mmm` and text, with `&`, `<`
        and `>` escaped, a blank line apart.

    Reference:
        W3C, WebVTT: The Web Video Text Tracks Format, section 4.
    """
    escapes = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;"})
    written = [
        f"{_clock(cue.start, '.')} --> {_clock(cue.end, '.')}\n"
        f"{_lines(cue, lambda word: word.translate(escapes))}"
        for cue in _cues(transcript, layout)
    ]
    return "\n".join(["WEBVTT\n", *written])


def ctm(transcript: Transcript, layout: Layout = _DEFAULT) -> str:
    """Write NIST's time marks: recording, channel, start, duration, word, confidence.

    Args:
        transcript: What to write; its segments have words.
        layout: Name of the recording.

    Returns:
        A line for each word, times in seconds.

    Raises:
        UsageError: The transcript has no times of words.
    """
    name = _identifier(layout.name)
    lines = []
    for segment in _timed(transcript):
        if segment.words is None:
            raise UsageError("ctm is made of words; transcribe with their times")
        lines += [
            f"{name} {layout.channel} {_seconds(word.start)} "
            f"{_seconds(word.end - word.start)} {_identifier(word.word)} "
            f"{word.probability:.3f}\n"
            for word in segment.words
        ]
    return "".join(lines)


def trn(transcript: Transcript, layout: Layout = _DEFAULT) -> str:
    """Write the text and, in parentheses, the name of the recording, as sclite reads.

    Args:
        transcript: What to write.
        layout: Name of the recording.
    """
    return f"{_one_line(transcript.text)} ({_identifier(layout.name)})\n".lstrip()


def textgrid(transcript: Transcript, _: Layout = _DEFAULT) -> str:
    """Write a TextGrid for Praat, with a tier of segments and one of words.

    Args:
        transcript: What to write.

    Returns:
        Praat's long text format. Intervals without text fill what nobody says; what
        has no length is left out, since Praat refuses it.
    """
    segments = list(_timed(transcript))
    spoken = [
        (segment.start, segment.end, _one_line(segment.text)) for segment in segments
    ]
    tiers = {"segments": spoken}
    if any(segment.words is not None for segment in segments):
        tiers["words"] = [
            (word.start, word.end, word.word)
            for segment in segments
            for word in segment.words or ()
        ]
    end = _seconds(transcript.duration)
    head = f"xmin = 0\n{{0}}xmax = {end}\n"
    lines = [
        'File type = "ooTextFile"\nObject class = "TextGrid"\n\n',
        head.format(""),
        f"tiers? <exists>\nsize = {len(tiers)}\nitem []:\n",
    ]
    for number, (name, intervals) in enumerate(tiers.items(), start=1):
        filled = list(_filled(intervals, _milliseconds(transcript.duration) / 1000))
        lines.append(
            f'    item [{number}]:\n        class = "IntervalTier"\n'
            f'        name = "{name}"\n        {head.format(" " * 8)}'
            f"        intervals: size = {len(filled)}\n"
        )
        for place, (start, stop, text) in enumerate(filled, start=1):
            quoted = text.replace('"', '""')
            lines.append(
                f"        intervals [{place}]:\n            xmin = {_seconds(start)}\n"
                f'            xmax = {_seconds(stop)}\n            text = "{quoted}"\n'
            )
    return "".join(lines)


WRITERS: dict[str, Callable[..., str]] = {
    "txt": txt,
    "json": json_,
    "tsv": tsv,
    "srt": srt,
    "vtt": vtt,
    "ctm": ctm,
    "trn": trn,
    "TextGrid": textgrid,
}
"""File suffix -> function from a transcript and a layout to the file's whole text."""

WORD_FORMATS = frozenset({"srt", "vtt", "ctm", "TextGrid"})
"""Formats that are made of words with times, or are the better for them."""


def _cues(transcript: Transcript, layout: Layout) -> Iterator[Cue]:
    """Give the subtitles; segments without text have none."""
    spoken = [segment for segment in _timed(transcript) if segment.text.strip()]
    for cue in cues(
        spoken,
        transcript.duration,
        width=layout.max_line_width,
        lines=layout.max_line_count,
    ):
        yield from highlighted(cue) if layout.highlight_words else (cue,)


def _lines(cue: Cue, escape: Callable[[str], str]) -> str:
    """Write the lines of a subtitle, the word that is said underlined."""
    written, place = "", 0
    for line in cue.lines:
        words = []
        for word in line:
            shown = escape(word)
            words.append(f"<u>{shown}</u>" if place == cue.said else shown)
            place += 1
        written += " ".join(words) + "\n"
    return written


def _filled(
    intervals: Iterable[tuple[float, float, str]], duration: float
) -> Iterator[tuple[float, float, str]]:
    """Give intervals with empty ones between them, from 0 to the end."""
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


def _identifier(name: str) -> str:
    """Make a name one word: fields of ctm and trn are separated by white space."""
    return "_".join(name.split()).replace("(", "_").replace(")", "_") or "_"


def _seconds(value: float) -> str:
    """Format as seconds with three decimals."""
    whole, fraction = divmod(_milliseconds(value), 1000)
    return f"{whole}.{fraction:03d}"


def _timed(transcript: Transcript) -> Iterator[Segment]:
    """Give the segments with the times that are written."""
    last = 0.0
    for segment in transcript.segments:
        start = _within(segment.start, last, transcript.duration)
        end = _within(segment.end, start, transcript.duration)
        words = segment.words and tuple(_timed_words(segment.words, start, end))
        yield replace(segment, start=start, end=end, words=words)
        last = end


def _timed_words(words: tuple[Word, ...], first: float, limit: float) -> Iterator[Word]:
    """Give words with times inside those of their segment."""
    for word in words:
        start = _within(word.start, first, limit)
        first = _within(word.end, start, limit)
        yield replace(word, start=start, end=first)


def _within(seconds: float, low: float, high: float) -> float:
    """Clamp a time and bring it to whole milliseconds."""
    return max(low, _milliseconds(min(seconds, high)) / 1000)


def _milliseconds(seconds: float) -> int:
    """Round down, so that no time passes the end of the recording."""
    # 0.57 * 1000 is 569.9999999999999: a nanosecond's grace keeps it 570.
    return math.floor(float(seconds) * 1000 + 1e-6)


def _clock(seconds: float, mark: str) -> str:
    """Format as HH:MM:SS, `mark`, mmm; hours grow past 99."""
    minutes, milliseconds = divmod(_milliseconds(seconds), 60_000)
    hours, minutes = divmod(minutes, 60)
    whole, fraction = divmod(milliseconds, 1000)
    return f"{hours:02d}:{minutes:02d}:{whole:02d}{mark}{fraction:03d}"


def _one_line(text: str) -> str:
    """Collapse white space: tabs and blank lines would break the formats."""
    return " ".join(text.split())


def _number(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None


def _segment_json(segment: Segment) -> dict[str, Any]:
    written: dict[str, Any] = {
        "id": segment.id,
        "start": segment.start,
        "end": segment.end,
        "text": segment.text,
        "tokens": [int(token) for token in segment.tokens],
        "avg_logprob": _number(segment.avg_logprob),
        "no_speech_prob": _number(segment.no_speech_prob),
    }
    if segment.confidence is not None:
        written["confidence"] = segment.confidence
    if segment.doubt is not None:
        written["doubt"] = segment.doubt
    if segment.words is not None:
        written["words"] = [
            {
                "word": word.word,
                "start": word.start,
                "end": word.end,
                "probability": _number(word.probability),
            }
            for word in segment.words
        ]
    return written
