"""Transcript -> text of a file: txt, json, tsv, srt, vtt, ctm, trn and TextGrid.

Times are whole milliseconds in every format. They never decrease, and lie between 0 and
the end of the recording.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Iterator
from typing import Any

from asr import __version__
from asr.errors import UsageError
from asr.formats.layout import (
    DEFAULT,
    Layout,
    format_seconds,
    one_line,
    timed_segments,
    to_milliseconds,
)
from asr.formats.subtitles import Cue, cues, highlight_words
from asr.formats.textgrid import textgrid
from asr.formats.transcript import Segment, Transcript


def txt(transcript: Transcript, _: Layout = DEFAULT) -> str:
    """Write the text alone, one line for each segment.

    Returns:
        Lines that end in a newline; `""` for an empty transcript.
    """
    lines = [one_line(segment.text) for segment in transcript.segments]
    lines = [line for line in lines if line] or [one_line(transcript.text)]
    return "".join(f"{line}\n" for line in lines if line)


def json_(transcript: Transcript, _: Layout = DEFAULT) -> str:
    """Write one JSON object: text, segments, language, duration, model, version.

    `confidence`, `words` and `doubt` of segments, and `alternatives` and `reason` of
    the object, are written only if present. Infinite numbers are null.

    Args:
        transcript: The transcript; its times are in seconds.

    Returns:
        One line of UTF-8 text that ends in a newline.
    """
    values: dict[str, Any] = {
        "text": transcript.text,
        "segments": [_segment_json(segment) for segment in timed_segments(transcript)],
        "language": transcript.language,
        "duration": to_milliseconds(transcript.duration) / 1000,
        "model": transcript.model,
        "version": __version__,
    }
    if transcript.alternatives:
        values["alternatives"] = [
            {"text": alternative.text, "score": _number(alternative.score)}
            for alternative in transcript.alternatives
        ]
    if transcript.reason is not None:
        values["reason"] = transcript.reason
    return json.dumps(values, ensure_ascii=False, allow_nan=False) + "\n"


def tsv(transcript: Transcript, _: Layout = DEFAULT) -> str:
    """Write tab-separated start, end and text, times in whole milliseconds.

    Returns:
        A heading line, then one line for each segment.
    """
    rows = [
        f"{to_milliseconds(segment.start)}\t{to_milliseconds(segment.end)}\t"
        f"{one_line(segment.text)}\n"
        for segment in timed_segments(transcript)
    ]
    return "start\tend\ttext\n" + "".join(rows)


def srt(transcript: Transcript, layout: Layout = DEFAULT) -> str:
    """Write SubRip subtitles, numbered from 1; segments without text are skipped.

    Args:
        transcript: The transcript; word times divide it into subtitles.
        layout: Line sizes; a highlighted word is underlined.

    Returns:
        Blocks of number, `HH:MM:SS,mmm --> HH:MM:SS,mmm` and text, separated by
        blank lines.
    """

    # SubRip has no escape for the arrow that starts a time line.
    def escape(word: str) -> str:
        return re.sub(r"-{2,}>", "->", word)

    return "\n".join(
        f"{number}\n{_clock(cue.start, ',')} --> {_clock(cue.end, ',')}\n"
        f"{_lines(cue, escape)}"
        for number, cue in enumerate(_cues(transcript, layout), start=1)
    )


def vtt(transcript: Transcript, layout: Layout = DEFAULT) -> str:
    """Write WebVTT subtitles; segments without text are skipped.

    Args:
        transcript: The transcript; word times divide it into subtitles.
        layout: Line sizes; a highlighted word is underlined.

    Returns:
        `WEBVTT`, then blocks of `HH:MM:SS.mmm --> HH:MM:SS.mmm` and text, separated by
        blank lines; `&`, `<` and `>` are escaped.

    Reference:
        W3C, WebVTT: The Web Video Text Tracks Format, section 4.
    """
    escapes = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;"})
    blocks = [
        f"{_clock(cue.start, '.')} --> {_clock(cue.end, '.')}\n"
        f"{_lines(cue, lambda word: word.translate(escapes))}"
        for cue in _cues(transcript, layout)
    ]
    return "\n".join(["WEBVTT\n", *blocks])


def ctm(transcript: Transcript, layout: Layout = DEFAULT) -> str:
    """Write NIST ctm: recording, channel, start, duration, word, confidence.

    Args:
        transcript: The transcript; its segments have words.
        layout: Name of the recording.

    Returns:
        A line for each word, times in seconds.

    Raises:
        UsageError: The transcript has no word times.
    """
    name = _identifier(layout.name)
    lines = []
    for segment in timed_segments(transcript):
        if segment.words is None:
            raise UsageError(
                "ctm needs words with times; transcribe with word_timestamps"
            )
        lines += [
            f"{name} {layout.channel} {format_seconds(word.start)} "
            f"{format_seconds(word.end - word.start)} {_identifier(word.word)} "
            f"{word.probability:.3f}\n"
            for word in segment.words
        ]
    return "".join(lines)


def trn(transcript: Transcript, layout: Layout = DEFAULT) -> str:
    """Write NIST trn: the text, and the name of the recording in parentheses.

    Args:
        transcript: The transcript.
        layout: Name of the recording.
    """
    return f"{one_line(transcript.text)} ({_identifier(layout.name)})\n".lstrip()


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
"""File suffix -> function from transcript and layout to the text of the file."""

WORD_FORMATS = frozenset({"srt", "vtt", "ctm", "TextGrid"})
"""Formats that use word times."""


def _cues(transcript: Transcript, layout: Layout) -> Iterator[Cue]:
    """Yield the subtitles of segments with text."""
    segments = [
        segment for segment in timed_segments(transcript) if segment.text.strip()
    ]
    for cue in cues(
        segments,
        transcript.duration,
        width=layout.max_line_width,
        lines=layout.max_line_count,
    ):
        yield from highlight_words(cue) if layout.highlight_words else (cue,)


def _lines(cue: Cue, escape: Callable[[str], str]) -> str:
    """Write the lines of a subtitle with the highlighted word underlined."""
    text, index = "", 0
    for line in cue.lines:
        words = []
        for word in line:
            escaped = escape(word)
            underlined = index == cue.highlighted
            words.append(f"<u>{escaped}</u>" if underlined else escaped)
            index += 1
        text += " ".join(words) + "\n"
    return text


def _identifier(name: str) -> str:
    """Replace white space and parentheses, the separators of ctm and trn."""
    return "_".join(name.split()).replace("(", "_").replace(")", "_") or "_"


def _clock(seconds: float, mark: str) -> str:
    """Format as HH:MM:SS, `mark`, mmm; hours may exceed 99."""
    minutes, milliseconds = divmod(to_milliseconds(seconds), 60_000)
    hours, minutes = divmod(minutes, 60)
    whole, fraction = divmod(milliseconds, 1000)
    return f"{hours:02d}:{minutes:02d}:{whole:02d}{mark}{fraction:03d}"


def _number(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None


def _segment_json(segment: Segment) -> dict[str, Any]:
    values: dict[str, Any] = {
        "id": segment.id,
        "start": segment.start,
        "end": segment.end,
        "text": segment.text,
        "tokens": [int(token) for token in segment.tokens],
        "avg_logprob": _number(segment.avg_logprob),
        "no_speech_prob": _number(segment.no_speech_prob),
    }
    if segment.confidence is not None:
        values["confidence"] = segment.confidence
    if segment.doubt is not None:
        values["doubt"] = segment.doubt
    if segment.words is not None:
        values["words"] = [
            {
                "word": word.word,
                "start": word.start,
                "end": word.end,
                "probability": _number(word.probability),
            }
            for word in segment.words
        ]
    return values
