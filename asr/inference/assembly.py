"""Segments of a recording, collected until its transcript is complete."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from asr.audio.track import CANCELLED
from asr.audio.windows import AudioSegment
from asr.errors import AsrError
from asr.formats.transcript import Alternative, Segment, Transcript


@dataclass(eq=False)
class PendingTranscript:
    """Transcript of a recording that is still being decoded.

    Attributes:
        source: The recording.
        size: Samples read so far.
        silent: All samples so far are zero.
        cancelled: The channels of the recording cancel each other out.
        first: First sample of the first audio segment.
        reported: Samples reported as finished.
        decoded: Segments decoded but not yet numbered, by first sample.
        count_decoded: Number of segments decoded.
        segments: Segments with text, in order of time.
        alternatives: N-best hypotheses of the only segment.
        error: Reason why the recording cannot be read.
    """

    source: Any
    size: int = 0
    silent: bool = True
    cancelled: bool = False
    first: int | None = None
    reported: int = 0
    decoded: dict[int, tuple[Segment, tuple[Alternative, ...]]] = field(
        default_factory=dict
    )
    count_decoded: int = 0
    segments: list[Segment] = field(default_factory=list)
    alternatives: tuple[Alternative, ...] = ()
    error: AsrError | None = None

    def count(self, blocks: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
        """Pass blocks on; update `size` and `silent`."""
        for block in blocks:
            self.size += block.size
            self.silent = self.silent and not np.any(block)
            yield block

    def note_cancelled(self) -> None:
        """Note that the channels of the recording cancel each other out."""
        self.cancelled = True

    def audible(self, segments: Iterable[AudioSegment]) -> Iterator[AudioSegment]:
        """Pass segments on that are not all zero; update `first`."""
        for segment in segments:
            if np.any(segment.samples):
                if self.first is None:
                    self.first = segment.start
                yield segment

    def take(self) -> list[Segment]:
        """Number the decoded segments; return those with text in order of time."""
        added: list[Segment] = []
        for start in sorted(self.decoded):
            segment, alternatives = self.decoded.pop(start)
            self.alternatives = () if self.count_decoded else alternatives
            self.count_decoded += 1
            if segment.text:
                number = len(self.segments) + len(added)
                added.append(replace(segment, id=number))
        self.segments += added
        return added

    def advance(self, position: int) -> int:
        """Mark samples before a position as finished; return how many are new."""
        added = max(0, position - self.reported)
        self.reported += added
        return added

    def result(
        self, rate: int, *, skipped: float, language: str | None, model: str
    ) -> Transcript | AsrError:
        """Return the transcript, or the reason why there is none.

        Args:
            rate: Samples per second.
            skipped: Seconds before the first sample that was read.
            language: Language code.
            model: Name of the model.
        """
        if self.error is not None:
            return self.error
        reason = None
        if not self.size:
            reason = "the recording holds no samples"
        elif self.cancelled and not self.segments:
            reason = CANCELLED
        elif self.silent:
            reason = "the recording is silent"
        elif not self.count_decoded:
            reason = "nobody speaks in the recording"
        elif not self.segments:
            reason = "no words were recognised"
        return Transcript(
            text=" ".join(segment.text for segment in self.segments),
            segments=tuple(self.segments),
            language=language,
            duration=skipped + self.size / rate,
            alternatives=self.alternatives,
            reason=reason,
            model=model,
        )
