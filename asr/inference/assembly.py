"""A recording on its way to a transcript."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from asr.errors import AsrError
from asr.formats.transcript import Alternative, Segment, Transcript


@dataclass(eq=False)
class PendingTranscript:
    """A recording on its way to a transcript.

    Attributes:
        source: Where it comes from.
        size: Samples that were read.
        loud: Whether one of them was not zero.
        first: First sample of the part that comes first.
        cut: Sample up to which parts were cut off.
        done: Samples that need not be looked at again.
        parts: What was decoded last, by first sample.
        decoded: How many parts were decoded.
        segments: Those of them that have text, in order.
        alternatives: The hypotheses of its only part.
        error: Why it could not be read.
    """

    source: Any
    size: int = 0
    done: int = 0
    loud: bool = False
    first: int | None = None
    cut: int = 0
    parts: dict[int, tuple[Segment, tuple[Alternative, ...]]] = field(
        default_factory=dict
    )
    decoded: int = 0
    segments: list[Segment] = field(default_factory=list)
    alternatives: tuple[Alternative, ...] = ()
    error: AsrError | None = None

    def count(self, blocks: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
        """Note how long and whether not silent the recording is, in passing."""
        for block in blocks:
            self.size += block.size
            self.loud = self.loud or bool(np.any(block))
            yield block

    def take(self) -> list[Segment]:
        """Number what was decoded last; return those with text in order."""
        added: list[Segment] = []
        for start in sorted(self.parts):
            segment, alternatives = self.parts.pop(start)
            self.alternatives = () if self.decoded else alternatives
            self.decoded += 1
            if segment.text:
                number = len(self.segments) + len(added)
                added.append(replace(segment, id=number))
        self.segments += added
        return added

    def advance(self, position: int) -> int:
        """Note that all before a sample is done; return how many samples that adds."""
        added = max(0, position - self.done)
        self.done += added
        return added

    def finished(
        self, rate: int, *, skipped: float, language: str | None
    ) -> Transcript | AsrError:
        """Return the transcript, or why there is none.

        Args:
            rate: Samples per second.
            skipped: Seconds before the first sample that was read.
            language: What is spoken.
        """
        if self.error is not None:
            return self.error
        reason = None
        if not self.size:
            reason = "the recording holds no samples"
        elif not self.loud:
            reason = "the recording is silent"
        elif not self.decoded:
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
        )
