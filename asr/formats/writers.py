"""Transcript -> text of a file: txt, json, tsv, srt, vtt, ctm, trn and TextGrid.

Times are whole milliseconds in every format. They never decrease, and lie between 0 and
the end of the recording.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from itertools import count
from typing import Any

from asr import __version__
from asr.errors import UsageError
from asr.formats.layout import (
    DEFAULT,
    Layout,
    fill_gaps,
    format_seconds,
    one_line,
    timed_segments,
    to_milliseconds,
)
from asr.formats.subtitles import Cue, cues, highlight_words
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

    `channel`, `confidence`, `words` and `doubt` of segments, and `alternatives`,
    `reason` and `attention` of the object, are written only if present. Infinite
    numbers are null.

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
    if transcript.attention is not None:
        values["attention"] = transcript.attention.to_json()
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
    escape = partial(re.sub, r"-{2,}>", "->")
    blocks = _subtitles(transcript, layout, ",", escape, "Channel {}: ")
    return "\n".join(f"{i}\n{block}" for i, block in enumerate(blocks, start=1))


def vtt(transcript: Transcript, layout: Layout = DEFAULT) -> str:
    """Write WebVTT subtitles; arguments and text as for `srt`.

    Returns:
        `WEBVTT`, then blocks of `HH:MM:SS.mmm --> HH:MM:SS.mmm` and text, separated by
        blank lines; `&`, `<` and `>` are escaped.

    Reference:
        W3C, WebVTT: The Web Video Text Tracks Format, section 4.
    """
    from html import escape  # noqa: PLC0415 - start-up time

    blocks = _subtitles(
        transcript, layout, ".", partial(escape, quote=False), "<v Channel {}>"
    )
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
    # NIST wants the channels one after the other.
    segments = timed_segments(transcript)
    for segment in sorted(segments, key=lambda segment: segment.channel or 0):
        if segment.words is None:
            raise UsageError(
                "ctm needs words with times; transcribe with word_timestamps"
            )
        lines += [
            f"{name} {segment.channel or layout.channel} "
            f"{format_seconds(word.start)} "
            f"{format_seconds(word.end - word.start)} {_identifier(word.word)} "
            f"{word.probability:.3f}\n"
            for word in segment.words
        ]
    return "".join(lines)


def trn(transcript: Transcript, layout: Layout = DEFAULT) -> str:
    """Write NIST trn: the text, and the name of the recording in parentheses."""
    return f"{one_line(transcript.text)} ({_identifier(layout.name)})\n".lstrip()


def textgrid(transcript: Transcript, _: Layout = DEFAULT) -> str:
    """Write a TextGrid for Praat, with a tier of segments and one of words.

    Returns:
        Praat's long text format. Intervals without text fill the gaps. Intervals
        without length are skipped, since Praat rejects them.
    """
    tiers: dict[str, list[tuple[float, float, str]]] = {}
    for channel, segments in _by_channel(timed_segments(transcript)).items():
        label = "" if channel is None else f" {channel}"
        spans = [(s.start, s.end, one_line(s.text)) for s in segments]
        tiers[f"segments{label}"] = spans
        if any(segment.words is not None for segment in segments):
            words = [word for segment in segments for word in segment.words or ()]
            spans = [(word.start, word.end, word.word) for word in words]
            tiers[f"words{label}"] = spans
    end = to_milliseconds(transcript.duration) / 1000
    text = 'File type = "ooTextFile"\nObject class = "TextGrid"\n\n'
    text += f"xmin = 0\nxmax = {end:.3f}\n"
    text += f"tiers? <exists>\nsize = {len(tiers)}\nitem []:\n"
    for number, (name, intervals) in enumerate(tiers.items(), start=1):
        filled = list(fill_gaps(intervals, 0.0, end, ""))
        text += (
            f'    item [{number}]:\n        class = "IntervalTier"\n'
            f'        name = "{name}"\n        xmin = 0\n        xmax = {end:.3f}\n'
            f"        intervals: size = {len(filled)}\n"
        )
        for index, (start, stop, content) in enumerate(filled, start=1):
            quoted = content.replace('"', '""')
            text += (
                f"        intervals [{index}]:\n"
                f"            xmin = {format_seconds(start)}\n"
                f"            xmax = {format_seconds(stop)}\n"
                f'            text = "{quoted}"\n'
            )
    return text


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

RAW_FORMATS = frozenset({"ctm", "trn"})
"""Formats for scoring, with words as they were recognised."""

WORD_FORMATS = frozenset({"srt", "vtt", "ctm", "TextGrid"})
"""Formats that use word times."""


def _subtitles(
    transcript: Transcript,
    layout: Layout,
    mark: str,
    escape: Callable[[str], str],
    speaker: str,
) -> Iterator[str]:
    """Yield times and lines of each subtitle, the highlighted word underlined.

    `speaker` is what stands before the text of a channel, with {} for its number.
    """
    spoken = (s for s in timed_segments(transcript) if s.text.strip())
    labelled: list[tuple[Cue, str]] = []
    for channel, segments in _by_channel(spoken).items():
        label = "" if channel is None else speaker.format(channel)
        visible = 0 if label.startswith("<") else len(label)
        divided = cues(
            segments,
            transcript.duration,
            width=max(1, layout.max_line_width - visible),
            lines=layout.max_line_count,
            words=layout.max_words_per_line,
        )
        if layout.highlight_words:
            divided = [part for cue in divided for part in highlight_words(cue)]
        labelled += [(cue, label) for cue in divided]
    for cue, label in sorted(labelled, key=lambda entry: entry[0].start):
        block = f"{_clock(cue.start, mark)} --> {_clock(cue.end, mark)}\n{label}"
        index = count()
        for line in cue.lines:
            words = [
                f"<u>{word}</u>" if next(index) == cue.highlighted else word
                for word in map(escape, line)
            ]
            block += " ".join(words) + "\n"
        yield block


def _by_channel(segments: Iterable[Segment]) -> dict[int | None, list[Segment]]:
    """Group segments; those of mixed channels are one group, even an empty one."""
    groups: dict[int | None, list[Segment]] = {}
    for segment in segments:
        groups.setdefault(segment.channel, []).append(segment)
    return dict(sorted(groups.items(), key=lambda x: x[0] or 0)) or {None: []}


def _identifier(name: str) -> str:
    """Replace white space and parentheses, the separators of ctm and trn."""
    return "_".join(name.split()).replace("(", "_").replace(")", "_") or "_"


def _clock(seconds: float, mark: str) -> str:
    """Format as HH:MM:SS, `mark`, mmm; hours may exceed 99."""
    minutes, milliseconds = divmod(to_milliseconds(seconds), 60_000)
    rest = f"{milliseconds / 1000:06.3f}".replace(".", mark)
    return f"{minutes // 60:02d}:{minutes % 60:02d}:{rest}"


def _number(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None


def _segment_json(segment: Segment) -> dict[str, Any]:
    words = segment.words and [
        {
            "word": word.word,
            "start": word.start,
            "end": word.end,
            "probability": _number(word.probability),
        }
        for word in segment.words
    ]
    optional = {
        "channel": segment.channel,
        "confidence": segment.confidence,
        "doubt": segment.doubt,
        "words": words,
    }
    return {
        "id": segment.id,
        "start": segment.start,
        "end": segment.end,
        "text": segment.text,
        "tokens": [int(token) for token in segment.tokens],
        "avg_logprob": _number(segment.avg_logprob),
        "no_speech_prob": _number(segment.no_speech_prob),
        **{name: value for name, value in optional.items() if value is not None},
    }
