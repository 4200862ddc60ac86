"""LJ Speech and corpora in its form: one reader, `metadata.csv` and `wavs/`.

https://keithito.com/LJ-Speech-Dataset/; public domain.

Lines are `id|raw|normalised` without quoting; the text is the normalised one, in which
numbers are written out. The subsets are `all`, and `dev` (ids whose number is divisible
by 25) and `train` (the others).
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from asr.corpora.base import Clips, Corpus, check_subset
from asr.data.manifest import Utterance, text_lines
from asr.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_DEV_EVERY = 25


def _subsets(root: Path) -> list[str]:
    metadata = root / "metadata.csv"
    if not metadata.is_file():
        return []
    _, first = next(text_lines(metadata), (0, ""))
    return ["all", "train", "dev"] if "|" in first else []


def _read(root: Path, subset: str) -> Iterator[Utterance]:
    check_subset("ljspeech", root, subset, _subsets(root))
    metadata = root / "metadata.csv"
    speaker = root.resolve().name  # one reader a corpus
    clips = Clips()
    for number, line in text_lines(metadata):
        if not line.strip():
            continue
        fields = line.split("|")
        digits = re.search(r"\d+$", fields[0])
        if len(fields) != 3 or not digits:
            raise DataError(f"{metadata}:{number}: not `id|raw|normalised`")
        dev = int(digits[0]) % _DEV_EVERY == 0
        if subset == "all" or dev == (subset == "dev"):
            audio = clips.find(root / "wavs" / f"{fields[0]}.wav")
            text = fields[2].strip()
            yield Utterance(audio, text, speaker=speaker, lang="en", id=fields[0])


LJSPEECH = Corpus("ljspeech", _subsets, _read, "LJSpeech-1.1")
