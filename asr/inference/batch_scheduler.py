"""Batches audio segments of several recordings, decodes them, restores their order."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import cast

import numpy as np

from asr.audio.decoders import RawSamples
from asr.audio.windows import AudioSegment
from asr.errors import AsrError
from asr.formats.transcript import Segment, Transcript
from asr.inference.assembly import PendingTranscript
from asr.inference.decoders import AnyDecoder
from asr.inference.options import TranscribeOptions
from asr.inference.segments import SegmentBuilder
from asr.inference.sources import SegmentReader, Source
from asr.runtime.memory import release_memory

_WINDOW_BATCHES = 4  # batches whose segments are sorted by length


@dataclass
class Scheduler:
    """Decodes recordings in batches of audio segments of similar length.

    Args:
        read: Audio segments of a recording.
        decoder: Decodes a batch.
        builder: Builds the segments of transcripts.
        options: Size of batches and callbacks.
        rate: Samples per second.
        language: Language code of the transcripts.
        model: Name of the model.
    """

    read: SegmentReader
    decoder: AnyDecoder
    builder: SegmentBuilder
    options: TranscribeOptions
    rate: int
    language: str | None
    model: str
    _queue: list[tuple[PendingTranscript, AudioSegment]] = field(default_factory=list)

    def transcripts(
        self, sources: Iterable[Source]
    ) -> Iterator[tuple[Source, Transcript | AsrError]]:
        """Yield each source with its transcript or error, in order."""
        # Sorting several batches by length saves padding, and bounds the memory.
        window = _WINDOW_BATCHES * self.options.batch_seconds
        if self.options.on_segment:
            window = 0.0  # report the first segment at once
        pending: list[PendingTranscript] = []
        for source in sources:
            live = isinstance(source, RawSamples)
            if live:  # a pipe may be silent for long: finish the files before it
                self._decode_queue()
                yield from self._results(pending)
                pending = []
            pending.append(PendingTranscript(source))
            for segment in self.read(pending[-1]):
                self._queue.append((pending[-1], segment))
                queued = self._queued_seconds()
                if live or queued >= window:
                    self._decode_queue()
                    if self.options.on_segment:
                        window = self._grown(queued)
                    yield from self._results(pending[:-1])
                    del pending[:-1]
        self._decode_queue()
        yield from self._results(pending)

    def segments(self, source: Source) -> Iterator[Segment]:
        """Yield the segments of a recording while it is read.

        Raises:
            AsrError: The recording cannot be read; after its decoded segments.
        """
        pending = PendingTranscript(source)
        live, window = isinstance(source, RawSamples), 0.0
        for segment in self.read(pending):
            self._queue.append((pending, segment))
            queued = self._queued_seconds()
            if live or queued >= window:
                window = self._grown(queued)
                yield from self._decode_queue()
        yield from self._decode_queue()
        for _, result in self._results([pending]):
            if isinstance(result, AsrError):
                raise result

    def decode(
        self, pending: PendingTranscript, segments: Iterable[AudioSegment]
    ) -> list[Segment]:
        """Decode segments of a recording at once; return those with text in order."""
        self._queue += [(pending, segment) for segment in segments]
        return self._decode_queue()

    def whole(self, source: Source, samples: np.ndarray) -> Transcript:
        """Transcribe samples of a recording, (N,), as one segment."""
        pending = PendingTranscript(source)
        segments = [AudioSegment(0, x, 0, x.size) for x in pending.count([samples])]
        self.decode(pending, pending.audible(segments))
        ((_, transcript),) = self._results([pending])
        return cast("Transcript", transcript)  # it was read without error

    def _grown(self, seconds: float) -> float:
        """Return the seconds of the next batch: twice as many, up to the limit.

        The first text of a long recording is there early, and later batches are large.
        """
        return min(2 * seconds, self.options.batch_seconds)

    def _queued_seconds(self) -> float:
        return sum(segment.samples.size for _, segment in self._queue) / self.rate

    def _results(
        self, recordings: list[PendingTranscript]
    ) -> Iterator[tuple[Source, Transcript | AsrError]]:
        for pending in recordings:
            self._report(pending.advance(pending.size))
            result = pending.result(
                self.rate,
                skipped=self.options.start,
                language=self.language,
                model=self.model,
            )
            yield pending.source, result

    def _decode_queue(self) -> list[Segment]:
        """Decode all queued segments; return those with text in order."""
        queue, self._queue = self._queue, []
        left = sorted(queue, key=lambda entry: entry[1].samples.size)
        while left:
            longest = left[-1][1].samples.size
            count = max(1, math.floor(self.options.batch_seconds * self.rate / longest))
            batch, left = left[-count:], left[:-count]
            self._decode(batch)
            self._report_progress(batch, left)
        if len(queue) > 1:  # not after each segment of live audio
            release_memory()
        decoded = []
        for pending in dict.fromkeys(pending for pending, _ in queue):
            for segment in pending.take():
                decoded.append(segment)
                if self.options.on_segment:
                    self.options.on_segment(segment)
        return decoded

    def _decode(self, batch: list[tuple[PendingTranscript, AudioSegment]]) -> None:
        decoded = self.decoder.decode(
            [segment.samples for _, segment in batch],
            [segment.start == pending.first for pending, segment in batch],
        )
        for row, (pending, segment) in enumerate(batch):
            pending.decoded[segment.start] = self.builder.build(decoded, row, segment)

    def _report_progress(
        self,
        batch: list[tuple[PendingTranscript, AudioSegment]],
        left: list[tuple[PendingTranscript, AudioSegment]],
    ) -> None:
        """Report audio up to the first segment that is still to be decoded."""
        first: dict[PendingTranscript, int] = {}
        for pending, segment in left:
            first[pending] = min(first.get(pending, segment.first), segment.first)
        for pending, segment in batch:
            end = min(segment.last, first.get(pending, segment.last))
            self._report(pending.advance(end))

    def _report(self, samples: int) -> None:
        """Report finished audio."""
        if self.options.on_progress:
            self.options.on_progress(samples / self.rate)
