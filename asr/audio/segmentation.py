"""Cutting long recordings where nobody speaks, with exact sample offsets."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

import numpy as np
import soxr

from asr.audio import vad
from asr.audio.vad import VoiceActivity
from asr.audio.windows import PAUSE_SECONDS, AudioSegment, quietest_sample
from asr.errors import UsageError

# What follows counts frames of the detector, of which there are 50 a second.
_FRAMES = vad.RATE // vad.HOP
_SURE, _UNSURE = 0.5, 0.35  # probabilities of speech, and of what may belong to it
_DOUBTFUL = 0.7, 0.65  # mean and third quartile that music has less of than speech
_REACH = 25  # how far unsure frames may be from a sure one
_SHORTEST = 5  # sure frames that a stretch of speech has at least
_PADDING = 10  # silence that is read on each side of speech
_EDGE = 50  # silence that is read whole at the ends of a recording
_PAUSE = 5  # shortest pause to cut in
_OVERLAP = 50  # what is read beyond a cut that is no pause
_MEMORY = 50  # what is kept while nobody speaks


def speech_pieces(
    blocks: Iterable[np.ndarray],
    rate: int,
    detector: VoiceActivity,
    *,
    longest: float = 20.0,
    pause: float = 1.0,
    overlap: bool = True,
) -> Iterator[AudioSegment]:
    """Find the speech in a recording that comes in blocks.

    Speech with pauses of at most `pause` is one piece, and 0.2 s of silence are read on
    each side; what is left at the ends of the recording is read whole if it is no
    longer than a second, since words may be faint there. Speech longer than `longest`
    is cut in the longest pause of its second half, or, if there is none of 0.1 s, where
    it is quietest; what lies within a second of such a cut is then read with both
    pieces. A stretch of which not even a quarter is certain to be speech is left out.

    Args:
        blocks: The recording in order, each (N,) float32 of any length.
        rate: Samples per second.
        detector: What tells speech from other sounds.
        longest: Seconds that no piece may exceed; at least 5.
        pause: Seconds; at least 0.1.
        overlap: Whether what is near a cut that is no pause is read twice.

    Yields:
        Pieces in order, each as soon as its end is known: the same ones whatever the
        length of the blocks.

    Raises:
        UsageError: A number is out of its range.
    """
    if rate <= 0 or not longest >= 5 or not pause >= _PAUSE / _FRAMES:
        raise UsageError(
            f"cannot look for speech at {rate} Hz in pieces of up to {longest} s with "
            f"pauses of up to {pause} s"
        )
    limit = int(longest * _FRAMES) - 2 * _OVERLAP
    search = _Search(rate, limit, round(pause * _FRAMES), _OVERLAP if overlap else 0)
    for probabilities in detector.stream(search.listen(blocks)):
        yield from search.advance(probabilities, final=False)
    yield from search.advance(np.zeros(0, np.float32), final=True)


class _Found(NamedTuple):
    """Speech from one frame to another, and what else to read after it."""

    first: int
    last: int
    after: int
    off: bool  # whether it goes on, so that what comes after is speech


class _Search:
    """What is held of a recording while speech is looked for.

    Frames are counted from the start of the recording.

    Args:
        rate: Samples per second.
        limit: Frames of the longest piece.
        pause: Frames of the longest pause within a piece.
        overlap: Frames that are read on both sides of a cut that is no pause.
    """

    def __init__(self, rate: int, limit: int, pause: int, overlap: int) -> None:
        self._rate, self._limit, self._pause = rate, limit, pause
        self._overlap = overlap
        self._samples = np.zeros(0, np.float32)
        self._samples_start = 0
        self._speech = np.zeros(0, np.float32)
        self._start = 0
        self._before: _Found | None = None

    def listen(self, blocks: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
        """Hold blocks, and pass them on at the rate of the detector."""
        to_rate = vad.RATE
        stream = soxr.ResampleStream(self._rate, to_rate, 1, dtype="float32")
        for block in blocks:
            self._samples = np.concatenate([self._samples, block])
            same = self._rate == to_rate
            yield block if same else stream.resample_chunk(block)
        if self._rate != to_rate:
            yield stream.resample_chunk(np.zeros(0, np.float32), last=True)

    def advance(self, speech: np.ndarray, *, final: bool) -> Iterator[AudioSegment]:
        """Take in probabilities, and give the pieces that are certain now."""
        self._speech = np.concatenate([self._speech, speech])
        while (found := self._find(final)) is not None:
            goes_on = self._before is not None and self._before.off
            if goes_on or self._certain(found):
                yield self._piece(found)
                self._before = found
            else:
                self._before = found._replace(off=False, after=0)  # nobody read it
            self._forget(found.last)

    def _find(self, final: bool) -> _Found | None:
        """Find the next piece, if what is known says where it ends."""
        starts, ends, known = self._stretches(final)
        if known < 0:
            return None
        if not len(starts):
            self._forget(self._start + max(0, known - _MEMORY))
            return None
        if self._before is not None and self._before.off:
            starts[0] = 0  # whatever is left of a piece that was cut belongs to one
        far = starts[1:] - ends[:-1] > self._pause
        count = 1 + int(np.argmax(far)) if far.any() else len(starts)
        last, limit = ends[count - 1], starts[0] + self._limit
        if last > limit:
            if not final and known < limit + _OVERLAP + self._pause:
                return None
            return self._cut(starts[:count], ends[:count])
        room = starts[count] - last if count < len(starts) else known - last
        if not final and room <= self._pause:
            return None
        if count == len(starts) and room <= min(self._pause, _EDGE):
            return self._found(starts[0], last, room)
        # What comes after the longest pause may not be known yet.
        room = min(room, self._pause + 1)
        return self._found(starts[0], last, min(_PADDING, room // 2))

    def _cut(self, starts: np.ndarray, ends: np.ndarray) -> _Found:
        """Cut speech that is too long for one piece."""
        low, high = starts[0] + self._limit // 2, starts[0] + self._limit
        inside = (starts[1:] > low) & (ends[:-1] <= high)
        pauses = np.where(inside, starts[1:] - ends[:-1], 0)
        if pauses.max(initial=0) >= _PAUSE:
            place = int(np.argmax(pauses))
            after = min(_PADDING, pauses[place] // 2)
            return self._found(starts[0], ends[place], after)
        # So that a second of it is left for the next piece.
        high = min(high, ends[-1] - _OVERLAP)
        first = self._sample(self._start + low)
        heard = self._read(first, self._sample(self._start + high))
        width = max(1, round(PAUSE_SECONDS * self._rate))
        quiet = first + quietest_sample(heard, width)
        place = int(quiet * _FRAMES / self._rate) - self._start
        return self._found(starts[0], place, self._overlap, off=True)

    def _found(self, first: int, last: int, after: int, off: bool = False) -> _Found:
        """Count from the start of the recording."""
        return _Found(
            self._start + int(first), self._start + int(last), int(after), off
        )

    def _certain(self, found: _Found) -> bool:
        """Tell whether speech is likely enough: music often looks like some of it."""
        inside = self._speech[found.first - self._start : found.last - self._start]
        mean, quartile = _DOUBTFUL
        active = inside[inside >= _UNSURE].mean()
        return bool(active >= mean or np.quantile(inside, 0.75) >= quartile)

    def _piece(self, found: _Found) -> AudioSegment:
        before, goes_on = self._before, False
        if before is None:
            padding = found.first if found.first <= _EDGE else _PADDING
        elif goes_on := before.off:
            padding = self._overlap
        else:
            padding = min(_PADDING, found.first - before.last - before.after)
        start = self._sample(found.first - padding)
        inside = slice(found.first - self._start, found.last - self._start)
        return AudioSegment(
            start=start,
            # A copy: it may wait for long, and would keep all that was held.
            samples=self._read(start, self._sample(found.last + found.after)).copy(),
            first=self._sample(found.first),
            last=self._sample(found.last),
            goes_on=goes_on,
            cut_off=found.off,
            speech=float(self._speech[inside].mean()),
        )

    def _sample(self, frame: int) -> int:
        """Return the position of a frame's first sample, within what there is."""
        end = self._samples_start + len(self._samples)
        return min(max(0, round(frame * self._rate / _FRAMES)), end)

    def _read(self, first: int, last: int) -> np.ndarray:
        start = self._samples_start
        return self._samples[first - start : last - start]

    def _forget(self, frame: int) -> None:
        """Drop what comes before a frame, but for what may still be read."""
        self._speech = self._speech[frame - self._start :]
        self._start = frame
        drop = max(0, self._sample(frame - _OVERLAP) - self._samples_start)
        self._samples = self._samples[drop:]
        self._samples_start += drop

    def _stretches(self, final: bool) -> tuple[np.ndarray, np.ndarray, int]:
        """Return starts and ends of speech, and how many frames are certain.

        This number is -1 where more has to be known to tell.
        """
        sure = self._speech >= _SURE
        sums = np.concatenate([[0], np.cumsum(sure)])
        near = np.arange(len(sure))
        left = np.maximum(near - _REACH, 0)
        right = np.minimum(near + _REACH + 1, len(sure))
        goes_on = self._before is not None and self._before.off
        close = (sums[right] > sums[left]) | (goes_on & (near < _REACH))
        active = (self._speech >= _UNSURE) & close
        known = len(sure) if final else max(0, len(sure) - _REACH)
        edges = np.flatnonzero(np.diff(active[:known], prepend=False, append=False))
        starts, ends = edges[::2], edges[1::2]
        long = sums[ends] - sums[starts] >= _SHORTEST
        if goes_on and len(long):
            long[0] = True
        if not final and len(ends) and ends[-1] == known and not long[-1]:
            return starts, ends, -1
        return starts[long], ends[long], known
