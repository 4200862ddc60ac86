"""A transcript as a file's text: txt, json, tsv, srt and vtt.

In every format times are whole milliseconds that never decrease, are never negative and
never pass the end of the recording.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

from asr.transcript import Segment, Transcript, Word


def txt(transcript: Transcript) -> str:
    """Write the text alone, one line for each segment.

    Args:
        transcript: What to write.

    Returns:
        Lines that end in a newline; `""` where nothing was said.
    """
    lines = [_one_line(segment.text) for segment in transcript.segments]
    lines = [line for line in lines if line] or [_one_line(transcript.text)]
    return "".join(f"{line}\n" for line in lines if line)


def json_(transcript: Transcript) -> str:
    """Write one JSON object: text, segments, language.

    Segments hold `words`, and the object `alternatives` and `reason`, only where the
    transcript has them. Numbers that JSON cannot express (a log-probability of minus
    infinity) are null.

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


def tsv(transcript: Transcript) -> str:
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


def srt(transcript: Transcript) -> str:
    """Write SubRip subtitles, numbered from 1; segments without text are left out.

    Args:
        transcript: What to write.

    Returns:
        Blocks of number, `HH:MM:SS,mmm --> HH:MM:SS,mmm` and text, a blank line apart.
    """
    # SubRip has no escape for the arrow that starts a time line.
    cues = [
        f"{number}\n{_clock(segment.start, ',')} --> {_clock(segment.end, ',')}\n"
        + re.sub(r"-{2,}>", "->", _one_line(segment.text))
        + "\n"
        for number, segment in enumerate(_spoken(transcript), start=1)
    ]
    return "\n".join(cues)


def vtt(transcript: Transcript) -> str:
    """Write WebVTT subtitles; segments without text are left out.

    Args:
        transcript: What to write.

    Returns:
        `WEBVTT`, then blocks of `HH:MM:SS.mmm --> HH:MM:SS.mmm` and text, with `&`, `<`
        and `>` escaped, a blank line apart.

    Reference:
        W3C, WebVTT: The Web Video Text Tracks Format, section 4.
    """
    escapes = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;"})
    cues = [
        f"{_clock(segment.start, '.')} --> {_clock(segment.end, '.')}\n"
        f"{_one_line(segment.text).translate(escapes)}\n"
        for segment in _spoken(transcript)
    ]
    return "\n".join(["WEBVTT\n", *cues])


WRITERS: dict[str, Callable[[Transcript], str]] = {
    "txt": txt,
    "json": json_,
    "tsv": tsv,
    "srt": srt,
    "vtt": vtt,
}
"""File suffix -> function from a transcript to the file's whole text."""


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


def _spoken(transcript: Transcript) -> Iterator[Segment]:
    """Give the segments that have text: a subtitle cannot be empty."""
    return (segment for segment in _timed(transcript) if segment.text.strip())


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
