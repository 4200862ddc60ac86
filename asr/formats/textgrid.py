"""Praat TextGrid writer."""

from __future__ import annotations

from asr.formats.layout import (
    DEFAULT,
    Layout,
    fill_gaps,
    format_seconds,
    one_line,
    timed_segments,
    to_milliseconds,
)
from asr.formats.transcript import Transcript


def textgrid(transcript: Transcript, _: Layout = DEFAULT) -> str:
    """Write a TextGrid for Praat, with a tier of segments and one of words.

    Args:
        transcript: The transcript.

    Returns:
        Praat's long text format. Intervals without text fill the gaps. Intervals
        without length are skipped, since Praat rejects them.
    """
    segments = list(timed_segments(transcript))
    texts = [
        (segment.start, segment.end, one_line(segment.text)) for segment in segments
    ]
    tiers = {"segments": texts}
    if any(segment.words is not None for segment in segments):
        tiers["words"] = [
            (word.start, word.end, word.word)
            for segment in segments
            for word in segment.words or ()
        ]
    end = format_seconds(transcript.duration)
    head = f"xmin = 0\n{{0}}xmax = {end}\n"
    lines = [
        'File type = "ooTextFile"\nObject class = "TextGrid"\n\n',
        head.format(""),
        f"tiers? <exists>\nsize = {len(tiers)}\nitem []:\n",
    ]
    for number, (name, intervals) in enumerate(tiers.items(), start=1):
        filled = list(fill_gaps(intervals, to_milliseconds(transcript.duration) / 1000))
        lines.append(
            f'    item [{number}]:\n        class = "IntervalTier"\n'
            f'        name = "{name}"\n        {head.format(" " * 8)}'
            f"        intervals: size = {len(filled)}\n"
        )
        for index, (start, stop, text) in enumerate(filled, start=1):
            quoted = text.replace('"', '""')
            lines.append(
                f"        intervals [{index}]:\n"
                f"            xmin = {format_seconds(start)}\n"
                f"            xmax = {format_seconds(stop)}\n"
                f'            text = "{quoted}"\n'
            )
    return "".join(lines)
