"""Channels of a recording, transcribed one by one and merged by time."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from asr.audio.io import inspect
from asr.data.manifest import Utterance
from asr.errors import AsrError, UsageError
from asr.formats.transcript import Transcript

if TYPE_CHECKING:
    from asr.cli.inputs import Source


def separated(recordings: Iterable[Source]) -> list[list[Source | Utterance]]:
    """Return, for each recording, an entry for each of its channels.

    A recording of one channel, or that cannot be read, stays as it is.

    Raises:
        UsageError: A recording comes from standard input, which is read only once.
    """
    groups: list[list[Source | Utterance]] = []
    for recording in recordings:
        if not isinstance(recording, Path):
            raise UsageError("--channels separate needs files, got standard input")
        try:
            count = inspect(recording).channels
        except AsrError:  # reported when it is transcribed
            count = 1
        numbers = range(1, count + 1)
        entries = [Utterance(recording, None, channel=number) for number in numbers]
        groups.append([recording] if count == 1 else list(entries))
    return groups


def merged(
    results: Iterator[tuple[Any, Transcript | AsrError]],
    groups: Iterable[Sequence[Any]],
) -> Iterator[Transcript | AsrError]:
    """Merge the transcripts of the channels of each recording.

    Args:
        results: Results of all entries of `groups`, in order.
        groups: As `separated` returns them.

    Yields:
        A transcript for each recording, or its first error.
    """
    for group in groups:
        own = [result for _, result in islice(results, len(group))]
        yield own[0] if len(group) == 1 else _merge(own)


def _merge(channels: Sequence[Transcript | AsrError]) -> Transcript | AsrError:
    transcripts = []
    for result in channels:
        if isinstance(result, AsrError):
            return result
        transcripts.append(result)
    segments = sorted(
        (
            replace(segment, channel=number)
            for number, transcript in enumerate(transcripts, 1)
            for segment in transcript.segments
        ),
        key=lambda segment: segment.start,
    )
    reasons = [f"channel {n}: {x.reason}" for n, x in enumerate(transcripts, 1)]
    return Transcript(
        text=" ".join(segment.text for segment in segments),
        segments=tuple(replace(x, id=number) for number, x in enumerate(segments)),
        language=transcripts[0].language,
        duration=max(transcript.duration for transcript in transcripts),
        model=transcripts[0].model,
        reason=None if segments else "; ".join(reasons),
    )
