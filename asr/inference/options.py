"""What may be chosen when recordings are transcribed."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypedDict

from asr.config.schema import BATCH_SECONDS, DecodingConfig
from asr.errors import UsageError
from asr.formats.transcript import Segment


class Options(TypedDict, total=False):
    """What is read of recordings, how, and what is told of them.

    Attributes:
        decoding: How to search; the model's own choice if not given.
        vad: Whether to read only where somebody speaks, by `asr.audio.vad`, which
            is so if not given; otherwise all is read.
        word_timestamps: Whether segments tell when each word is said; if not given they
            do not.
        start: Seconds to skip; 0 if not given.
        end: Seconds from the start of the recording to read up to; all if not given.
        channel: Channel of files to read, from 1 on; the mean of all if not given.
            Entries of manifests are read as the model was trained on them.
        batch_seconds: Audio decoded at once, in seconds; 96 if not given.
        on_progress: Called with the seconds of audio that are done since it was called
            last.
        on_segment: Called with each segment that has text, in the order of recordings
            and of time, as soon as it is known.
        on_partial: Called about once a second with what has been understood of speech
            in `RawSamples` that still goes on; it may yet change.
    """

    decoding: DecodingConfig | None
    vad: bool
    word_timestamps: bool
    start: float
    end: float | None
    channel: int | None
    batch_seconds: float
    on_progress: Callable[[float], object]
    on_segment: Callable[[Segment], object] | None
    on_partial: Callable[[str], object] | None


@dataclass(frozen=True)
class Chosen:
    """`Options` with all that was not given."""

    decoding: DecodingConfig
    vad: bool = True
    word_timestamps: bool = False
    start: float = 0.0
    end: float | None = None
    channel: int | None = None
    batch_seconds: float = BATCH_SECONDS
    on_progress: Callable[[float], object] = lambda _: None
    on_segment: Callable[[Segment], object] | None = None
    on_partial: Callable[[str], object] | None = None

    @classmethod
    def of(cls, options: Options, decoding: DecodingConfig) -> Chosen:
        """Fill in what was not given.

        Args:
            options: What was given.
            decoding: How the model searches by itself.

        Raises:
            UsageError: `start` is negative, `end` not after it, or one of them or
                `batch_seconds` no number of seconds.
        """
        given = {key: value for key, value in options.items() if key != "decoding"}
        chosen = cls(options.get("decoding") or decoding, **given)  # type: ignore[arg-type]
        if not 0 <= chosen.start < math.inf:
            raise UsageError(f"start is {chosen.start}; it must be 0 s or more")
        if chosen.end is not None and not chosen.start < chosen.end < math.inf:
            raise UsageError(f"end is {chosen.end}; it must be after {chosen.start} s")
        if not 0 <= chosen.batch_seconds < math.inf:
            raise UsageError(
                f"batch_seconds is {chosen.batch_seconds}; it must be 0 s or more"
            )
        return chosen

    @property
    def n_best(self) -> int:
        """Readings of each segment."""
        return min(self.decoding.n_best, self.decoding.beam_size)
