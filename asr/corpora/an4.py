"""AN4 and other corpora in the Sphinx layout: `.fileids` and `.transcription` files.

Shape: `etc/NAME_SUBSET.fileids` and `.transcription` (one line a clip), `wav/ID.wav`.
AN4 has the official subsets `train` and `test`. `train` is also split by speaker: every
tenth speaker is in `dev-own`, the others are in `train-own`.
Licence: BSD-like licence of CMU, which comes with the corpus; free for any use.
Source: http://www.speech.cs.cmu.edu/databases/an4/
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import zip_longest
from pathlib import Path

from asr.corpora.base import Clips, corpus_of
from asr.data.manifest import Utterance
from asr.data.text_files import text_lines
from asr.errors import DataError

_LINE = re.compile(r"(?:<s>)?(?P<text>.*?)(?:</s>)?\s*\((?P<id>[^()]+)\)")
_OWN = {"train-own": False, "dev-own": True}  # -> made of every tenth speaker


def _parts(root: Path) -> dict[str, tuple[Path, bool | None]]:
    files = sorted((root / "etc").glob("*_*.fileids"))
    official = {file.stem.rpartition("_")[2]: file for file in files}
    parts: dict[str, tuple[Path, bool | None]]
    parts = {name: (file, None) for name, file in official.items()}
    if "train" in official:
        parts |= {name: (official["train"], dev) for name, dev in _OWN.items()}
    return parts


def _read(part: tuple[Path, bool | None]) -> Iterator[Utterance]:
    file_ids, dev = part
    utterances = list(_official(file_ids))
    if dev is not None:
        dev_speakers = sorted({u.speaker for u in utterances if u.speaker})[::10]
        utterances = [u for u in utterances if (u.speaker in dev_speakers) == dev]
    yield from utterances


def _official(file_ids: Path) -> Iterator[Utterance]:
    """Read the two files of a subset in parallel."""
    transcription = file_ids.with_suffix(".transcription")
    clips = Clips()
    for (number, file_id), (text_number, line) in zip_longest(
        _filled_lines(file_ids), _filled_lines(transcription), fillvalue=(0, "")
    ):
        if not number or not text_number:
            short, long = transcription, file_ids
            if text_number:
                short, long = long, short
            raise DataError(f"{short}: fewer lines than {long.name}")
        match = _LINE.fullmatch(line)
        folder, _, name = file_id.rpartition("/")
        if not match or match["id"] not in (name, file_id):
            raise DataError(f"{transcription}:{text_number}: not `words ({name})`")
        audio = clips.find(file_ids.parent.parent / "wav" / f"{file_id}.wav")
        speaker = folder.rpartition("/")[2] or None
        text = match["text"].strip()
        yield Utterance(audio, text, speaker=speaker, lang="en", id=name)


def _filled_lines(path: Path) -> Iterator[tuple[int, str]]:
    return ((number, line.strip()) for number, line in text_lines(path) if line.strip())


AN4 = corpus_of("an4", _parts, _read, "an4")
