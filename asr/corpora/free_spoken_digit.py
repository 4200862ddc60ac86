"""Free Spoken Digit Dataset: ten English digits, six speakers, 50 times each.

Shape: `recordings/DIGIT_SPEAKER_REPETITION.wav`. Subsets are the official `test`
(repetitions 0 to 4) and `train` (the others). `train` is also split into `dev-own`
(5 to 7) and `train-own` (8 and up). Texts are names of digits in capitals.
Licence: CC BY-SA 4.0.
Source: https://github.com/Jakobovski/free-spoken-digit-dataset
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from asr.corpora.base import Clips, corpus_of
from asr.data.manifest import Utterance
from asr.errors import DataError

_NAME = re.compile(r"(?P<digit>\d)_(?P<speaker>.+)_(?P<repetition>\d+)")
_WORDS = (
    *("ZERO", "ONE", "TWO", "THREE", "FOUR"),
    *("FIVE", "SIX", "SEVEN", "EIGHT", "NINE"),
)
_REPETITIONS = {
    "train": range(5, 1000),
    "test": range(5),
    "train-own": range(8, 1000),
    "dev-own": range(5, 8),
}


def _parts(root: Path) -> dict[str, tuple[dict[str, Path], range]]:
    folder = root / "recordings"
    recordings = Clips().folder(folder if folder.is_dir() else root)
    if not any(map(_NAME.fullmatch, recordings)):
        return {}
    return {name: (recordings, wanted) for name, wanted in _REPETITIONS.items()}


def _read(part: tuple[dict[str, Path], range]) -> Iterator[Utterance]:
    recordings, wanted = part
    for name, audio in recordings.items():
        match = _NAME.fullmatch(name)
        if not match:
            raise DataError(f"{audio}: not named DIGIT_SPEAKER_REPETITION")
        if int(match["repetition"]) in wanted:
            text = _WORDS[int(match["digit"])]
            yield Utterance(audio, text, speaker=match["speaker"], lang="en", id=name)


FREE_SPOKEN_DIGIT = corpus_of("free_spoken_digit", _parts, _read, "free-spoken-digit")
