"""Transcription of audio that a program pushes piece by piece."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from asr.audio.resampler import Resampler
from asr.audio.windows import AudioSegment
from asr.errors import UsageError
from asr.formats.transcript import Segment
from asr.inference.assembly import PendingTranscript
from asr.inference.batch_scheduler import Scheduler
from asr.inference.sources import to_mono


class StreamResult(NamedTuple):
    """What is known after a piece of audio.

    Attributes:
        finished: Segments with text that ended since the last call, in order of time.
        partial: Text of the speech after them, which may change; words that two
            partial texts in a row begin with stay until the segment ends.
    """

    finished: tuple[Segment, ...]
    partial: str


class Stream:
    """Audio pushed piece by piece, as `Recognizer.stream` starts it.

    The finished segments are those of `Recognizer.transcribe`. A segment ends with a
    pause of 1 s, which the detector is sure of 0.8 to 1.3 s later; until then its text
    is partial. A stream belongs to one thread.

    Args:
        scheduler: Splits and decodes the audio.
        rate: Sample rate of the model in hertz.
        source_rate: Sample rate of the pieces; that of the model by default.

    Raises:
        UsageError: The rate is not positive.
    """

    def __init__(
        self, scheduler: Scheduler, rate: int, source_rate: int | None = None
    ) -> None:
        if source_rate is not None and source_rate <= 0:
            raise UsageError(f"rate must be positive, got {source_rate}")
        self._scheduler, self._rate = scheduler, rate
        self._resampler = Resampler(source_rate or rate, rate)
        self._segmenter = scheduler.read.segmenter()
        self._partial = scheduler.read.partial_text()
        self._pending = PendingTranscript("the stream")
        self._odd = b""  # half a sample
        self._is_finished = False

    def feed(self, piece: bytes | np.ndarray) -> StreamResult:
        """Add audio and decode what can be decoded.

        Args:
            piece: 16-bit little-endian mono samples as bytes, cut anywhere; or an
                array as in `Recognizer.transcribe`.

        Raises:
            AudioError: The array has another type or shape, or values that are not
                finite.
            UsageError: The stream is finished.
        """
        if self._is_finished:
            raise UsageError("the stream is finished; start another")
        samples = self._resampler.push(self._samples(piece))
        segments = self._segmenter.push(samples)
        finished = self._decode(segments)
        if segments:
            self._partial.segment_ended()
        self._partial.update(self._segmenter.rest, samples.size / self._rate)
        return StreamResult(finished, self._partial.text)

    def finish(self) -> tuple[Segment, ...]:
        """End the audio; return the segments of the rest."""
        if self._is_finished:
            return ()
        self._is_finished = True
        segments = self._segmenter.push(self._resampler.finish())
        return self._decode([*segments, *self._segmenter.finish()])

    def _decode(self, segments: list[AudioSegment]) -> tuple[Segment, ...]:
        audible = self._pending.audible(segments)
        return tuple(self._scheduler.decode(self._pending, audible))

    def _samples(self, piece: bytes | np.ndarray) -> np.ndarray:
        if isinstance(piece, np.ndarray):
            return to_mono(piece)
        data = self._odd + piece
        whole = len(data) // 2 * 2
        self._odd = data[whole:]
        return to_mono(np.frombuffer(data[:whole], "<i2").astype(np.int16))
