"""Sources of audio: a file, an array or raw samples -> blocks -> audio segments."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO

import numpy as np

from asr.audio import io as audio_io
from asr.audio.decoders import RawSamples
from asr.audio.segmentation import SpeechSegmenter
from asr.audio.track import cancels, check_channel
from asr.audio.vad import load_detector
from asr.audio.windows import AudioSegment, WindowSegmenter
from asr.data.manifest import Utterance
from asr.errors import AsrError, AudioError, UsageError
from asr.inference.assembly import PendingTranscript
from asr.inference.options import TranscribeOptions
from asr.inference.partial import PartialText
from asr.tasks.base import Task

_MOST_CHANNELS = 64
_BLOCK_SECONDS = 10.0  # longer ones would delay the first text

Source = str | Path | bytes | BinaryIO | RawSamples | np.ndarray | Utterance
"""A recording: path, content or open file, samples, or entry of a manifest."""


def source_name(source: Source) -> str:
    """Return the name of a recording for messages."""
    if isinstance(source, np.ndarray):
        return "the samples"
    if isinstance(source, bytes):
        return "the audio stream"
    return source.name if isinstance(source, Utterance) else str(source)


def open_source(
    source: Source,
    task: Task,
    options: TranscribeOptions,
    rate: int | None = None,
    on_cancelled: Callable[[], None] | None = None,
) -> Iterator[np.ndarray]:
    """Decode a recording from `start` to `end` in blocks at the model's rate.

    Args:
        source: The recording.
        task: Task of the model.
        options: `start`, `end`, `channel` and `track`.
        rate: Sample rate of an array in hertz; the model's by default.
        on_cancelled: Called at the end if the channels cancel each other out.

    Yields:
        Samples in [-1, 1], (N,) float32.

    Raises:
        AudioError: The recording cannot be read, or ends before `start`.
        UsageError: The rate is not positive.
    """
    start, end = options.start, options.end
    if isinstance(source, Utterance):
        yield from _utterance_blocks(source, task, options, on_cancelled)
        return
    if isinstance(source, bytes):
        source = io.BytesIO(source)
    if not isinstance(source, np.ndarray):
        yield from audio_io.blocks(
            source,
            task.rate,
            seconds=0.1 if isinstance(source, RawSamples) else _BLOCK_SECONDS,
            offset=start,
            duration=None if end is None else end - start,
            channel=options.channel,
            track=options.track,
            on_cancelled=on_cancelled,
        )
        return
    samples = to_mono(source, options.channel)
    if on_cancelled and options.channel is None and _cancel(source, samples):
        on_cancelled()
    if rate is not None:
        if rate <= 0:
            raise UsageError(f"rate must be positive, got {rate}")
        samples = audio_io.resample(samples, rate, task.rate)
    if start * task.rate > samples.size:
        seconds = samples.size / task.rate
        raise AudioError(f"start {start} s is past the end, {seconds:.2f} s")
    last = None if end is None else round(end * task.rate)
    yield samples[round(start * task.rate) : last]


def read_short(
    source: Source,
    task: Task,
    options: TranscribeOptions,
    rate: int | None,
    *,
    longest: float,
) -> np.ndarray:
    """Read a recording of at most `longest` seconds; see `open_source`.

    Returns:
        Samples in [-1, 1], (N,) float32.

    Raises:
        AudioError: The recording cannot be read, is empty or too long.
    """
    last = options.start + longest + 1  # read no more of a long one
    end = last if options.end is None else min(options.end, last)
    blocks = open_source(source, task, replace(options, end=end), rate)
    samples = np.concatenate([np.zeros(0, np.float32), *blocks])
    name = source_name(source)
    if not samples.size:
        raise AudioError(f"{name}: no audio to attend to")
    if samples.size > longest * task.rate:
        text = f"attention needs audio of up to {longest:g} s; give start and end"
        raise AudioError(f"{name}: {text}")
    return samples


def _utterance_blocks(
    utterance: Utterance,
    task: Task,
    options: TranscribeOptions,
    on_cancelled: Callable[[], None] | None,
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
        on_cancelled=on_cancelled,
    )


def _cancel(samples: np.ndarray, mean: np.ndarray) -> bool:
    """Return whether the channels of samples (N, channels) cancel out in their mean."""
    if samples.ndim == 1:
        return False
    count = samples.shape[1]
    each = (to_mono(samples, number) for number in range(1, count + 1))
    energy = sum(float(np.vdot(channel, channel)) for channel in each) / count
    return cancels(float(np.vdot(mean, mean)), energy)


def to_mono(samples: np.ndarray, channel: int | None = None) -> np.ndarray:
    """Convert an array to one channel of float32.

    Args:
        samples: Floating point in [-1, 1], or int16; (N,) or (N, channels), as
            soundfile reads them.
        channel: The channel to take, from 1 on; None for the mean of all.

    Returns:
        Samples in [-1, 1], (N,) float32.

    Raises:
        AudioError: The array has another type or shape, no such channel, or values that
            are not finite.
    """
    is_integer = samples.dtype == np.int16
    if not is_integer and not np.issubdtype(samples.dtype, np.floating):
        raise AudioError(
            f"samples must be floating point or int16, got {samples.dtype}"
        )
    columns = samples[:, None] if samples.ndim == 1 else samples
    if columns.ndim != 2 or not 1 <= columns.shape[1] <= _MOST_CHANNELS:
        raise AudioError(
            "samples must have the shape (N,) or (N, channels), with up to "
            f"{_MOST_CHANNELS} channels, got {samples.shape}; transpose them if "
            "channels come first"
        )
    if not np.all(np.isfinite(samples)):
        raise AudioError("samples must be finite, got NaN or infinity")
    check_channel("the samples", channel, columns.shape[1])
    chosen = columns if channel is None else columns[:, channel - 1 : channel]
    # Adding columns is ten times faster than mean(axis=1) over a short axis.
    total = sum(chosen.astype(np.float32).T)
    scale = chosen.shape[1] * (32768 if is_integer else 1)
    return np.asarray(total / scale, np.float32)


@dataclass(frozen=True)
class SegmentReader:
    """Splits recordings into the audio segments to decode.

    Args:
        task: Task of the model.
        options: Part of the recording, VAD and callbacks.
        overlap: Segments overlap at a cut inside speech.
        recognize: As in `PartialText`.
        rate: Sample rate of an array in hertz; the model's by default.
    """

    task: Task
    options: TranscribeOptions
    overlap: bool
    recognize: Callable[[np.ndarray, bool], str]
    rate: int | None = None

    def segmenter(self) -> SpeechSegmenter | WindowSegmenter:
        """Start to split a recording."""
        rate = self.task.rate
        if self.options.vad:
            return SpeechSegmenter(rate, load_detector(), overlap=self.overlap)
        return WindowSegmenter(rate)

    def partial_text(self) -> PartialText:
        """Start the partial text of a recording."""
        detector = load_detector() if self.options.vad else None
        return PartialText(self.recognize, self.task.rate, detector)

    def __call__(self, pending: PendingTranscript) -> Iterator[AudioSegment]:
        """Yield the segments of a recording; store its length or error in `pending`."""
        on_partial = self.options.on_partial
        if not isinstance(pending.source, RawSamples):
            on_partial = None
        segmenter = self.segmenter()
        partial = self.partial_text() if on_partial else None
        try:
            blocks = open_source(
                pending.source,
                self.task,
                self.options,
                self.rate,
                pending.note_cancelled,
            )
            for block in pending.count(blocks):
                segments = segmenter.push(block)
                yield from pending.audible(segments)
                if on_partial and partial:
                    if segments:
                        partial.segment_ended()
                    if partial.update(segmenter.rest, block.size / self.task.rate):
                        on_partial(partial.text)
            yield from pending.audible(segmenter.finish())
        except AsrError as error:
            pending.error = error
