"""Free Spoken Digit Dataset: ten English digits, six speakers, 50 times each.

https://github.com/Jakobovski/free-spoken-digit-dataset; CC BY-SA 4.0.

Layout: `recordings/DIGIT_SPEAKER_REPETITION.wav`. The subsets are the official `test`
(repetitions 0 to 4) and `train` (the others), and, cut from the latter, `dev-own` (5 to
7) and `train-own` (8 and up). The text is the digit's name in capitals.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from asr.corpora.base import Clips, Corpus, check_subset
from asr.data.manifest import Utterance
from asr.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

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


def _recordings(root: Path) -> dict[str, Path]:
    folder = root / "recordings"
    return Clips().folder(folder if folder.is_dir() else root)


def _subsets(root: Path) -> list[str]:
    names = _recordings(root)
    return list(_REPETITIONS) if any(map(_NAME.fullmatch, names)) else []


def _read(root: Path, subset: str) -> Iterator[Utterance]:
    check_subset("free_spoken_digit", root, subset, _subsets(root))
    for name, audio in _recordings(root).items():
        found = _NAME.fullmatch(name)
        if not found:
            raise DataError(f"{audio}: not named DIGIT_SPEAKER_REPETITION")
        if int(found["repetition"]) in _REPETITIONS[subset]:
            text = _WORDS[int(found["digit"])]
            yield Utterance(audio, text, speaker=found["speaker"], lang="en", id=name)


FREE_SPOKEN_DIGIT = Corpus("free_spoken_digit", _subsets, _read, "free-spoken-digit")
