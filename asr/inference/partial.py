"""Partial text of speech that goes on, while it is recorded."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

import numpy as np

from asr.audio import vad
from asr.audio.io import resample
from asr.audio.vad import VoiceActivityDetector

_INTERVAL = 0.5  # seconds between two texts
_SHARE = 3  # partial texts may take 1 / _SHARE of the time
_PAUSE = 0.3  # seconds of silence after which speech is recognised at once
_DETECTED = 1.0  # last seconds that are passed to the detector
_SILENT = 0.35  # probability of speech below which there is silence


class PartialText:
    """Recognises unfinished speech again and again.

    Args:
        recognize: Text of samples, (N,) float32; the second argument is true if they
            begin the recording.
        rate: Samples per second.
        detector: Voice activity detector; None to ignore pauses.
    """

    def __init__(
        self,
        recognize: Callable[[np.ndarray, bool], str],
        rate: int,
        detector: VoiceActivityDetector | None,
    ) -> None:
        self._recognize, self._rate, self._detector = recognize, rate, detector
        self._cost = 0.0  # seconds that the last text took
        self._is_first = True
        self._restart()

    def _restart(self) -> None:
        self._waiting = self._undetected = 0.0
        self._settled = False  # the text is that of all speech before a pause
        self._stable = StableText()
        self.text = ""

    def segment_ended(self) -> None:
        """Forget the text of a segment that is finished."""
        self._is_first = False
        self._restart()

    def update(self, rest: np.ndarray, seconds: float) -> bool:
        """Recognise again, if it is time to; tell whether `text` is new.

        A pause is such a time, so that a sentence is there as soon as it ends. The work
        takes a third of the time, with pauses half of it.

        Args:
            rest: Samples after the last segment, (N,) float32.
            seconds: Length of those that were added since the last call.
        """
        self._waiting += seconds
        self._undetected += seconds
        if self._undetected < 0.1:
            return False
        self._undetected = 0.0
        pauses = self._pauses(rest)
        self._settled = self._settled and pauses
        needed = self._cost if pauses else max(_INTERVAL, _SHARE * self._cost)
        if self._settled or self._waiting < needed:
            return False
        began = time.monotonic()
        self.text = self._stable.update(self._recognize(rest, self._is_first))
        self._waiting, self._cost = 0.0, time.monotonic() - began
        self._settled = pauses
        return True

    def _pauses(self, rest: np.ndarray) -> bool:
        """Return whether the last samples are silent."""
        if self._detector is None:
            return False
        last = rest[-round(_DETECTED * self._rate) :]
        probabilities = self._detector(resample(last, self._rate, vad.RATE))
        count = round(_PAUSE * vad.RATE / vad.HOP)
        return bool(np.all(probabilities[-count:] < _SILENT))


class StableText:
    """Text of growing audio in which words do not flicker.

    Words that two texts in a row begin with stay.

    Reference:
        D. Macháček et al., Turning Whisper into Real-Time Transcription System, IJCNLP
        2023: local agreement of two hypotheses.
    """

    def __init__(self) -> None:
        self._shown: list[str] = []
        self._kept = 0

    def update(self, text: str) -> str:
        """Return a new text after the words that stay."""
        kept = self._shown[: self._kept]
        words = text.split()
        shown = kept + words[_matching_length(kept, words) :]
        while self._kept < min(len(shown), len(self._shown)) and (
            shown[self._kept] == self._shown[self._kept]
        ):
            self._kept += 1
        self._shown = shown
        return " ".join(shown)


def _matching_length(kept: Sequence[str], words: Sequence[str]) -> int:
    """Return how many of the first words are those kept, by edit distance."""
    costs = list(range(len(words) + 1))
    for row, word in enumerate(kept, 1):
        diagonal, costs[0] = costs[0], row
        for column, other in enumerate(words, 1):
            substituted = diagonal + (word != other)
            diagonal = costs[column]
            costs[column] = min(substituted, diagonal + 1, costs[column - 1] + 1)
    # Among equals that of the same number of words: a word may have changed.
    return min(
        range(len(costs)), key=lambda count: (costs[count], abs(count - len(kept)))
    )
