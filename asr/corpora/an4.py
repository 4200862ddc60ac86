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
from pathlib import Path

from asr.corpora.base import Clips, Row, corpus_of
from asr.data.manifest import Utterance
from asr.data.text_files import DamagedRow, is_utf8, lenient_lines
from asr.errors import DataError

_LINE = re.compile(r"(?:<s>)?(?P<text>.*?)(?:</s>)?\s*\((?P<id>[^()]+)\)")


def _parts(root: Path) -> dict[str, tuple[Path, bool | None]]:
    parts: dict[str, tuple[Path, bool | None]] = {}
    for file in sorted((root / "etc").glob("*_*.fileids")):
        parts[file.stem.rpartition("_")[2]] = file, None
    if "train" in parts:  # every tenth speaker is in dev-own
        train, _ = parts["train"]
        parts |= {"train-own": (train, False), "dev-own": (train, True)}
    return parts


def _read(part: tuple[Path, bool | None]) -> Iterator[Row]:
    file_ids, dev = part
    rows = list(_official(file_ids))
    utterances = [row for row in rows if isinstance(row, Utterance)]
    dev_speakers = sorted({u.speaker for u in utterances if u.speaker})[::10]
    for row in rows:
        own = isinstance(row, Utterance) and row.speaker in dev_speakers
        if dev is None or isinstance(row, DamagedRow) or own == dev:
            yield row


def _official(file_ids: Path) -> Iterator[Row]:
    """Read the two files of a subset in parallel."""
    files = [file_ids, file_ids.with_suffix(".transcription")]
    ids, texts = (
        [(number, x.strip()) for number, x in lenient_lines(path) if x.strip()]
        for path in files
    )
    if len(ids) != len(texts):
        short, long = files if len(ids) < len(texts) else files[::-1]
        raise DataError(f"{short}: fewer lines than {long.name}")
    clips = Clips()
    for (_, file_id), (number, line) in zip(ids, texts, strict=True):
        match = _LINE.fullmatch(line)
        folder, _, name = file_id.rpartition("/")
        if not match or match["id"] not in (name, file_id) or not is_utf8(line):
            yield DamagedRow(f"{files[1]}:{number}", f"not `words ({name})`")
            continue
        audio = clips.find(file_ids.parent.parent / "wav" / f"{file_id}.wav")
        speaker = folder.rpartition("/")[2] or None
        text = match["text"].strip()
        yield Utterance(audio, text, speaker=speaker, lang="en", id=name)


AN4 = corpus_of("an4", _parts, _read, "an4")
