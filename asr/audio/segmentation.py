"""Splits recordings into segments of speech, with exact sample offsets."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

import numpy as np

from asr.audio import vad
from asr.audio.resampler import Resampler
from asr.audio.speech_spans import MIN_PAUSE, OFFSET, hysteresis, split_long
from asr.audio.vad import VoiceActivityDetector
from asr.audio.windows import PAUSE_SECONDS, AudioSegment, quietest_sample
from asr.errors import UsageError

_FRAME_RATE = vad.RATE // vad.HOP  # frames per second
_MIN_MEAN, _MIN_QUARTILE = 0.7, 0.65  # probabilities of speech; music has less
# The rest counts frames.
_PADDING = 10  # silence kept on each side of speech
_EDGE = 50  # silence kept whole at the ends of a recording
_OVERLAP = 50  # padding on both sides of a cut inside speech
_HISTORY = 50  # frames kept during silence


def speech_segments(
    blocks: Iterable[np.ndarray],
    rate: int,
    detector: VoiceActivityDetector,
    *,
    longest: float = 20.0,
    pause: float = 1.0,
    overlap: bool = True,
) -> Iterator[AudioSegment]:
    """Split a stream of blocks into segments of speech.

    Speech with pauses of at most `pause` is one segment, padded with 0.2 s of silence.
    Silence of at most a second at the ends of the recording is kept whole, since faint
    words may be in it. Speech longer than `longest` is cut in the longest pause of its
    second half. Without a pause of 0.1 s it is cut at its quietest sample; both
    segments then overlap by a second on each side. Spans with low probabilities of
    speech (music) are dropped.

    Args:
        blocks: The recording in order, each (N,) float32 of any length.
        rate: Samples per second.
        detector: Voice activity detector.
        longest: Longest segment in seconds; at least 5.
        pause: Longest pause within a segment in seconds; at least 0.1.
        overlap: Segments overlap at a cut inside speech.

    Yields:
        Segments in order, each as soon as its end is known. They do not depend on the
        length of the blocks.

    Raises:
        UsageError: A number is out of its range.
    """
    segmenter = SpeechSegmenter(
        rate, detector, longest=longest, pause=pause, overlap=overlap
    )
    for block in blocks:
        yield from segmenter.push(block)
    yield from segmenter.finish()


class _SampleBuffer:
    """Samples of a recording from `start` on; positions count from its beginning."""

    def __init__(self) -> None:
        self.start = 0
        self._samples = np.zeros(0, np.float32)

    @property
    def end(self) -> int:
        return self.start + len(self._samples)

    def append(self, block: np.ndarray) -> None:
        self._samples = np.concatenate([self._samples, block])

    def read(self, first: int, last: int) -> np.ndarray:
        return self._samples[first - self.start : last - self.start]

    def drop_before(self, position: int) -> None:
        count = max(0, position - self.start)
        self._samples = self._samples[count:]
        self.start += count


class _Segment(NamedTuple):
    """Segment in frames from the start of the recording.

    Attributes:
        first: First frame of speech.
        last: Frame after the last of speech.
        padding: Frames to keep after `last`.
        cut_after: The speech continues after `last`.
    """

    first: int
    last: int
    padding: int
    cut_after: bool = False


class SpeechSegmenter:
    """Segmentation of a recording that arrives block by block; see `speech_segments`.

    Args:
        rate: Samples per second.
        detector: Voice activity detector.
        longest: Longest segment in seconds; at least 5.
        pause: Longest pause within a segment in seconds; at least 0.1.
        overlap: Segments overlap at a cut inside speech.

    Raises:
        UsageError: A number is out of its range.
    """

    def __init__(
        self,
        rate: int,
        detector: VoiceActivityDetector,
        *,
        longest: float = 20.0,
        pause: float = 1.0,
        overlap: bool = True,
    ) -> None:
        if rate <= 0 or not longest >= 5 or not pause >= MIN_PAUSE / _FRAME_RATE:
            raise UsageError(
                "rate must be positive, longest >= 5 s and pause >= 0.1 s, got "
                f"{rate}, {longest} and {pause}"
            )
        # The rest counts frames.
        self._rate, self._pause = rate, round(pause * _FRAME_RATE)
        self._limit = int(longest * _FRAME_RATE) - 2 * _OVERLAP
        self._overlap = _OVERLAP if overlap else 0
        self._resampler, self._detector = Resampler(rate, vad.RATE), detector.stream()
        self._buffer = _SampleBuffer()
        self._probabilities = np.zeros(0, np.float32)
        self._start = 0  # frame of the first probability
        self._previous: _Segment | None = None

    @property
    def rest(self) -> np.ndarray:
        """Samples after the last segment, without long silence, (N,) float32."""
        return self._buffer.read(self._sample(self._start), self._buffer.end)

    @property
    def _continued(self) -> bool:
        return self._previous is not None and self._previous.cut_after

    def push(self, block: np.ndarray) -> list[AudioSegment]:
        """Add samples, (N,) float32; return the segments whose end is now known."""
        self._buffer.append(block)
        probabilities = self._detector.push(self._resampler.push(block))
        return list(self._segments(probabilities, final=False))

    def finish(self) -> list[AudioSegment]:
        """Return the segments of the rest of the recording."""
        last = self._detector.push(self._resampler.finish())
        probabilities = np.concatenate([last, self._detector.finish()])
        return list(self._segments(probabilities, final=True))

    def _segments(
        self, probabilities: np.ndarray, *, final: bool
    ) -> Iterator[AudioSegment]:
        self._probabilities = np.concatenate([self._probabilities, probabilities])
        while (segment := self._next(final)) is not None:
            if self._continued or self._is_speech(segment):
                yield self._audio(segment)
                self._previous = segment
            else:  # dropped: its padding is free for the next segment
                self._previous = segment._replace(cut_after=False, padding=0)
            self._drop_before(segment.last)

    def _next(self, final: bool) -> _Segment | None:
        """Return the next segment, or None while its end is not known."""
        spans = hysteresis(self._probabilities, continued=self._continued, final=final)
        if spans is None:
            return None
        starts, ends = self._start + spans.starts, self._start + spans.ends
        known = self._start + spans.known
        if not len(starts):
            self._drop_before(max(self._start, known - _HISTORY))
            return None
        if self._continued:  # all that is left of the speech that was cut
            starts[0] = self._start
        # Spans up to the first long pause make one segment.
        gaps = starts[1:] - ends[:-1] > self._pause
        count = 1 + int(np.argmax(gaps)) if gaps.any() else len(starts)
        first, last = int(starts[0]), int(ends[count - 1])
        limit = first + self._limit
        if last > limit:
            # The longest pause may begin within the limit and end after it.
            if not final and known < limit + _OVERLAP + self._pause:
                return None
            return self._cut(starts[:count], ends[:count])
        following = int(starts[count]) if count < len(starts) else known
        silence = following - last
        if not final and silence <= self._pause:
            return None  # speech may continue after a short pause
        if count == len(starts) and silence <= min(self._pause, _EDGE):
            return _Segment(first, last, silence)  # end of the recording
        # Frames after the longest pause may not be known yet.
        silence = min(silence, self._pause + 1)
        return _Segment(first, last, min(_PADDING, silence // 2))

    def _cut(self, starts: np.ndarray, ends: np.ndarray) -> _Segment:
        """Cut speech that is too long for one segment, if possible in a pause."""
        first, index = int(starts[0]), split_long(starts, ends, self._limit)
        if index is not None:
            last, following = int(ends[index]), int(starts[index + 1])
            return _Segment(first, last, min(_PADDING, (following - last) // 2))
        # Leaves a second of speech for the next segment.
        high = min(first + self._limit, int(ends[-1]) - _OVERLAP)
        low = self._sample(first + self._limit // 2)
        samples = self._buffer.read(low, self._sample(high))
        width = max(1, round(PAUSE_SECONDS * self._rate))
        position = low + quietest_sample(samples, width)
        frame = int(position * _FRAME_RATE / self._rate)
        return _Segment(first, frame, self._overlap, cut_after=True)

    def _inside(self, segment: _Segment) -> np.ndarray:
        """Return the probabilities of a segment."""
        start = self._start
        return self._probabilities[segment.first - start : segment.last - start]

    def _is_speech(self, segment: _Segment) -> bool:
        """Reject music: parts of it look like speech, but few are certain."""
        probabilities = self._inside(segment)
        mean = probabilities[probabilities >= OFFSET].mean()
        # `np.quantile` loads masked arrays at its first call, which takes 6 ms.
        places = np.arange(len(probabilities))
        quartile = np.interp(0.75 * places[-1], places, np.sort(probabilities))
        return bool(mean >= _MIN_MEAN or quartile >= _MIN_QUARTILE)

    def _audio(self, segment: _Segment) -> AudioSegment:
        """Return the samples of a segment with padding that no other segment has."""
        previous = self._previous
        if previous is None:
            padding = segment.first if segment.first <= _EDGE else _PADDING
        elif previous.cut_after:
            padding = self._overlap
        else:
            padding = min(_PADDING, segment.first - previous.last - previous.padding)
        start = self._sample(segment.first - padding)
        end = self._sample(segment.last + segment.padding)
        return AudioSegment(
            start=start,
            # A copy: a view would keep the whole buffer in memory.
            samples=self._buffer.read(start, end).copy(),
            first=self._sample(segment.first),
            last=self._sample(segment.last),
            cut_before=self._continued,
            cut_after=segment.cut_after,
            speech=float(self._inside(segment).mean()),
        )

    def _sample(self, frame: int) -> int:
        """Return the position of a frame's first sample, at most the last one's."""
        return min(max(0, round(frame * self._rate / _FRAME_RATE)), self._buffer.end)

    def _drop_before(self, frame: int) -> None:
        """Drop probabilities before a frame, and samples that no overlap needs."""
        self._probabilities = self._probabilities[frame - self._start :]
        self._start = frame
        self._buffer.drop_before(self._sample(frame - _OVERLAP))
