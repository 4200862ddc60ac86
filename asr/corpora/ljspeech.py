"""LJ Speech, and corpora of one speaker in the same format.

Shape: `metadata.csv` with lines `id|raw|normalised` (no header, no quoting) and
`wavs/ID.wav`. Texts are the normalised ones, in which numbers are spelled out. Subsets
are `all`, `dev` (ids with a number divisible by 25) and `train` (the others).
Licence: public domain. Source: https://keithito.com/LJ-Speech-Dataset/
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from asr.corpora.base import Clips, corpus_of
from asr.data.manifest import Utterance
from asr.data.text_files import text_lines
from asr.errors import DataError

_DEV_EVERY = 25
_DEV = {"all": None, "train": False, "dev": True}


def _parts(root: Path) -> dict[str, tuple[Path, bool | None]]:
    metadata = root / "metadata.csv"
    if not metadata.is_file():
        return {}
    _, first = next(text_lines(metadata), (0, ""))
    return {name: (metadata, dev) for name, dev in _DEV.items() if "|" in first}


def _read(part: tuple[Path, bool | None]) -> Iterator[Utterance]:
    metadata, dev = part
    speaker = metadata.parent.resolve().name  # one speaker a corpus
    clips = Clips()
    for number, line in text_lines(metadata):
        if not line.strip():
            continue
        fields = line.split("|")
        digits = re.search(r"\d+$", fields[0])
        if len(fields) != 3 or not digits:
            raise DataError(f"{metadata}:{number}: not `id|raw|normalised`")
        if dev is None or dev == (int(digits[0]) % _DEV_EVERY == 0):
            audio = clips.find(metadata.parent / "wavs" / f"{fields[0]}.wav")
            text = fields[2].strip()
            yield Utterance(audio, text, speaker=speaker, lang="en", id=fields[0])


LJSPEECH = corpus_of("ljspeech", _parts, _read, "LJSpeech-1.1")
