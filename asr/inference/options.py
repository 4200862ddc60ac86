"""Options of transcription."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Any, TypedDict, TypeVar

from asr.config.schema import BATCH_SECONDS, DecodingConfig
from asr.errors import UsageError, did_you_mean
from asr.formats.transcript import Segment

F = TypeVar("F", bound=Callable[..., Any])


class TranscribeKeywords(TypedDict, total=False):
    """Keyword arguments of `Recognizer`: the fields of `TranscribeOptions`."""

    decoding: DecodingConfig | None
    vad: bool
    word_timestamps: bool
    start: float
    end: float | None
    channel: int | None
    track: int | None
    batch_seconds: float
    on_progress: Callable[[float], object] | None
    on_segment: Callable[[Segment], object] | None
    on_partial: Callable[[str], object] | None


@dataclass(frozen=True)
class TranscribeOptions:
    """Options of the methods of `Recognizer`, which take them as keyword arguments.

    `recognizer.transcribe(source, **vars(options))` passes on all of them.

    Args:
        decoding: Beam, weights and hotwords; the model's own by default.
        vad: Skip non-speech, by `asr.audio.vad`.
        word_timestamps: Add words with their times to segments.
        start: Seconds to skip.
        end: Stop at this second of the recording; None for its end.
        channel: Channel to decode, from 1 on; None for that of a manifest's entry, or
            else the mean of all.
        track: Sound track of files to decode, from 1 on; None for the first.
        batch_seconds: Seconds of audio decoded at once; 60 by default.
        on_progress: Called with the seconds of audio finished since the last call.
        on_segment: Called with each segment with text as soon as it is decoded, in
            order of recordings and time.
        on_partial: Called about twice a second with preliminary text of unfinished
            speech in `RawSamples`.

    Raises:
        UsageError: A number is out of its range.
    """

    decoding: DecodingConfig | None = None
    vad: bool = True
    word_timestamps: bool = False
    start: float = 0.0
    end: float | None = None
    channel: int | None = None
    track: int | None = None
    batch_seconds: float = BATCH_SECONDS
    on_progress: Callable[[float], object] | None = None
    on_segment: Callable[[Segment], object] | None = None
    on_partial: Callable[[str], object] | None = None

    def __post_init__(self) -> None:
        """Check the numbers."""
        for name in ("start", "batch_seconds"):
            value = getattr(self, name)
            if not 0 <= value < math.inf:
                raise UsageError(f"{name} must be 0 s or more, got {value}")
        if self.end is not None and not self.start < self.end < math.inf:
            raise UsageError(f"end must be after start {self.start} s, got {self.end}")

    @classmethod
    def from_keywords(cls, keywords: TranscribeKeywords) -> TranscribeOptions:
        """Build options from keyword arguments.

        Args:
            keywords: Fields that differ from the defaults.

        Raises:
            UsageError: A name is unknown, or a number is out of its range.
        """
        names = [field.name for field in fields(cls)]
        for name in keywords:
            if name not in names:
                raise UsageError(f"unknown option {name!r}{did_you_mean(name, names)}")
        return cls(**keywords)


def takes_options(method: F) -> F:
    """Show the fields of `TranscribeOptions` in the signature of a method.

    They take the place of `**options`, so that `help` and editors name them.
    """
    signature = inspect.signature(method)
    own = [p for p in signature.parameters.values() if p.kind is not p.VAR_KEYWORD]
    added = [
        inspect.Parameter(
            field.name,
            inspect.Parameter.KEYWORD_ONLY,
            default=field.default,
            annotation=field.type,
        )
        for field in fields(TranscribeOptions)
    ]
    method.__signature__ = signature.replace(parameters=[*own, *added])  # type: ignore[attr-defined]
    return method
