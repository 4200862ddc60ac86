"""Splits recordings into segments of speech, with exact sample offsets."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

import numpy as np

from asr.audio import vad
from asr.audio.io import resample_stream
from asr.audio.vad import VoiceActivityDetector
from asr.audio.windows import PAUSE_SECONDS, AudioSegment, quietest_sample
from asr.errors import UsageError

_FRAME_RATE = vad.RATE // vad.HOP  # frames per second
_MIN_MEAN, _MIN_QUARTILE = 0.7, 0.65  # probabilities of speech; music has less
_ONSET, _OFFSET = 0.5, 0.35  # probabilities that start speech, and that extend it
# The rest counts frames of 20 ms.
_MIN_PAUSE = 5  # shortest pause to cut in
_REACH = 25  # distance from a frame of _ONSET up to which _OFFSET extends speech
_MIN_ONSETS = 5  # frames of _ONSET in a span of speech
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
    if rate <= 0 or not longest >= 5 or not pause >= _MIN_PAUSE / _FRAME_RATE:
        raise UsageError(
            f"rate must be positive, longest >= 5 s and pause >= 0.1 s, got {rate}, "
            f"{longest} and {pause}"
        )
    limit = int(longest * _FRAME_RATE) - 2 * _OVERLAP
    overlap_frames = _OVERLAP if overlap else 0
    segmenter = _Segmenter(rate, limit, round(pause * _FRAME_RATE), overlap_frames)
    for probabilities in detector.stream(segmenter.feed(blocks)):
        yield from segmenter.push(probabilities, final=False)
    yield from segmenter.push(np.zeros(0, np.float32), final=True)


class Spans(NamedTuple):
    """Spans of speech in frames, and the number of frames that are decided.

    Attributes:
        starts: First frame of each, (S,) int.
        ends: Frame after the last of each, (S,) int.
        known: Later frames may still change with more probabilities.
    """

    starts: np.ndarray
    ends: np.ndarray
    known: int


def hysteresis(
    probabilities: np.ndarray, *, continued: bool = False, final: bool = True
) -> Spans | None:
    """Threshold probabilities twice: a high one starts speech, a low one extends it.

    Args:
        probabilities: Probability of speech of each frame, (T,) float32.
        continued: Frame 0 continues speech that was cut before it.
        final: No more probabilities follow.

    Returns:
        Spans of speech with at least 0.1 s above the high threshold; None if the last
        span may still reach that.
    """
    onsets = probabilities >= _ONSET
    sums = np.concatenate([[0], np.cumsum(onsets)])
    frames = np.arange(len(onsets))
    left = np.maximum(frames - _REACH, 0)
    right = np.minimum(frames + _REACH + 1, len(onsets))
    near = (sums[right] > sums[left]) | (continued & (frames < _REACH))
    active = (probabilities >= _OFFSET) & near
    # A later onset may still extend the last _REACH frames.
    known = len(onsets) if final else max(0, len(onsets) - _REACH)
    edges = np.flatnonzero(np.diff(active[:known], prepend=False, append=False))
    starts, ends = edges[::2], edges[1::2]
    enough = sums[ends] - sums[starts] >= _MIN_ONSETS
    if continued and len(enough):
        enough[0] = True
    if not final and len(ends) and ends[-1] == known and not enough[-1]:
        return None
    return Spans(starts[enough], ends[enough], known)


def split_long(starts: np.ndarray, ends: np.ndarray, limit: int) -> int | None:
    """Choose the pause to cut in: the longest in the second half of the limit.

    Args:
        starts: Starts of the spans of one segment, (S,) int.
        ends: Their ends, (S,) int.
        limit: Longest segment in frames.

    Returns:
        Index of the span before the pause; None without a pause of 0.1 s.
    """
    low, high = starts[0] + limit // 2, starts[0] + limit
    inside = (starts[1:] > low) & (ends[:-1] <= high)
    pauses = np.where(inside, starts[1:] - ends[:-1], 0)
    return int(np.argmax(pauses)) if pauses.max(initial=0) >= _MIN_PAUSE else None


class _Segment(NamedTuple):
    """Speech from frame `first` to before `last`."""

    first: int
    last: int
    padding: int  # frames to keep after `last`
    cut_after: bool = False  # the speech continues after `last`


class _Segmenter:
    """State of the segmentation of one recording; the limits count frames."""

    def __init__(self, rate: int, limit: int, pause: int, overlap: int) -> None:
        self._rate, self._limit, self._pause = rate, limit, pause
        self._overlap = overlap
        self._samples = np.zeros(0, np.float32)
        self._position = 0  # of the first sample, from the start of the recording
        self._probabilities = np.zeros(0, np.float32)
        self._start = 0  # frame of the first probability
        self._previous: _Segment | None = None

    @property
    def _continued(self) -> bool:
        return self._previous is not None and self._previous.cut_after

    def feed(self, blocks: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
        """Keep blocks, and pass them on at the rate of the detector."""
        return resample_stream(self._kept(blocks), self._rate, vad.RATE)

    def _kept(self, blocks: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
        for block in blocks:
            self._samples = np.concatenate([self._samples, block])
            yield block

    def push(self, probabilities: np.ndarray, *, final: bool) -> Iterator[AudioSegment]:
        """Add probabilities; yield the segments whose end is now known."""
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
        samples = self._read(low, self._sample(high))
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
        mean = probabilities[probabilities >= _OFFSET].mean()
        quartile = np.quantile(probabilities, 0.75)
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
            samples=self._read(start, end).copy(),
            first=self._sample(segment.first),
            last=self._sample(segment.last),
            cut_before=self._continued,
            cut_after=segment.cut_after,
            speech=float(self._inside(segment).mean()),
        )

    def _sample(self, frame: int) -> int:
        """Return the position of a frame's first sample, at most the last one's."""
        last = self._position + len(self._samples)
        return min(max(0, round(frame * self._rate / _FRAME_RATE)), last)

    def _read(self, first: int, last: int) -> np.ndarray:
        return self._samples[first - self._position : last - self._position]

    def _drop_before(self, frame: int) -> None:
        """Drop probabilities before a frame, and samples that no overlap needs."""
        self._probabilities = self._probabilities[frame - self._start :]
        self._start = frame
        position = max(self._position, self._sample(frame - _OVERLAP))
        self._samples = self._samples[position - self._position :]
        self._position = position
