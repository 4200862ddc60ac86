"""Sources of audio: a file, an array or raw samples -> blocks -> audio segments."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO

import numpy as np

from asr.audio import io as audio_io
from asr.audio.decoders import RawSamples
from asr.audio.segmentation import speech_segments
from asr.audio.vad import load_detector
from asr.audio.windows import AudioSegment, split_blocks
from asr.config.schema import DecodingConfig
from asr.data.manifest import Utterance
from asr.errors import AsrError, AudioError
from asr.inference.assembly import PendingTranscript
from asr.inference.options import TranscribeOptions
from asr.tasks.base import Task

_PARTIAL_SECONDS = 20.0  # audio that a partial transcript covers at most

Source = str | Path | BinaryIO | RawSamples | np.ndarray | Utterance
"""A recording: path, binary file, samples, or entry of a manifest."""


def source_name(source: Source) -> str:
    """Return the name of a recording for messages."""
    if isinstance(source, np.ndarray):
        return "the samples"
    return source.name if isinstance(source, Utterance) else str(source)


def open_source(
    source: Source, task: Task, options: TranscribeOptions, rate: int | None = None
) -> Iterator[np.ndarray]:
    """Decode a recording from `start` to `end` in blocks at the model's rate.

    Args:
        source: The recording.
        task: Task of the model.
        options: `start`, `end`, `channel` and `track`.
        rate: Sample rate of an array in hertz; the model's by default.

    Yields:
        Samples in [-1, 1], (N,) float32.

    Raises:
        AudioError: The recording cannot be read, or ends before `start`.
    """
    start, end = options.start, options.end
    if isinstance(source, Utterance):
        yield from _utterance_blocks(source, task, options)
        return
    if not isinstance(source, np.ndarray):
        yield from audio_io.blocks(
            source,
            task.rate,
            seconds=0.5 if isinstance(source, RawSamples) else 30.0,
            offset=start,
            duration=None if end is None else end - start,
            channel=options.channel,
            track=options.track,
        )
        return
    samples = _checked(source)
    if rate is not None:
        samples = audio_io.resample(samples, rate, task.rate)
    if start * task.rate > samples.size:
        seconds = samples.size / task.rate
        raise AudioError(f"start {start} s is past the end, {seconds:.2f} s")
    last = None if end is None else round(end * task.rate)
    yield samples[round(start * task.rate) : last]


def _utterance_blocks(
    utterance: Utterance, task: Task, options: TranscribeOptions
) -> Iterator[np.ndarray]:
    """Decode an entry of a manifest; `start` and `end` count from its own start."""
    start, end = options.start, options.end
    if utterance.duration is not None:
        if start > utterance.duration:
            text = f"start {start} s is past the end, {utterance.duration:.2f} s"
            raise AudioError(f"{utterance.name}: {text}")
        end = min(utterance.duration, utterance.duration if end is None else end)
    yield from audio_io.blocks(
        utterance.audio,
        task.rate,
        offset=utterance.offset + start,
        duration=None if end is None else end - start,
        channel=options.channel or utterance.channel,
        track=options.track,
    )


def _checked(samples: np.ndarray) -> np.ndarray:
    """Convert an array to float32."""
    if samples.ndim != 1 or not np.issubdtype(samples.dtype, np.floating):
        raise AudioError(
            f"samples must be floating point of shape (N,), got {samples.dtype} "
            f"{samples.shape}"
        )
    if not np.all(np.isfinite(samples)):
        raise AudioError("samples must be finite, got NaN or infinity")
    return samples.astype("float32")


@dataclass(frozen=True)
class SegmentReader:
    """Splits recordings into the audio segments to decode.

    Args:
        task: Task of the model.
        options: Part of the recording, VAD and callbacks.
        overlap: Segments overlap at a cut inside speech.
        recognize: Text of samples, (N,) float32, for `on_partial`.
        rate: Sample rate of an array in hertz; the model's by default.
    """

    task: Task
    options: TranscribeOptions
    overlap: bool
    recognize: Callable[[np.ndarray, DecodingConfig], str]
    rate: int | None = None

    def __call__(self, pending: PendingTranscript) -> Iterator[AudioSegment]:
        """Yield the segments of a recording; store its length or error in `pending`."""
        options, rate = self.options, self.task.rate
        try:
            blocks = open_source(pending.source, self.task, options, self.rate)
            blocks = pending.count(blocks)
            if options.on_partial and isinstance(pending.source, RawSamples):
                blocks = self._report_partials(blocks, pending, options.on_partial)
            segments = (
                speech_segments(blocks, rate, load_detector(), overlap=self.overlap)
                if options.vad
                else split_blocks(blocks, rate)
            )
            for segment in segments:
                pending.segmented = segment.last
                if np.any(segment.samples):
                    if pending.first is None:
                        pending.first = segment.start
                    yield segment
        except AsrError as error:
            pending.error = error

    def _report_partials(
        self,
        blocks: Iterable[np.ndarray],
        pending: PendingTranscript,
        on_partial: Callable[[str], object],
    ) -> Iterator[np.ndarray]:
        """Pass blocks on; report the text of speech after the last segment."""
        rate, decoding = self.task.rate, self.options.decoding
        samples, start, waiting, interval = np.zeros(0, np.float32), 0, 0.0, 1.0
        for block in blocks:
            yield block
            samples = np.concatenate([samples, block])
            drop = max(
                pending.segmented - start,
                samples.size - round(_PARTIAL_SECONDS * rate),
                0,
            )
            samples, start = samples[drop:], start + drop
            waiting += block.size / rate
            if waiting >= interval:
                began = time.monotonic()
                if pending.segmented:  # the first segment has the prefix
                    decoding = replace(decoding, prefix="")
                on_partial(self.recognize(samples, decoding))
                # At most a third of the time is spent on partial transcripts.
                waiting, interval = 0.0, max(1.0, 3 * (time.monotonic() - began))
