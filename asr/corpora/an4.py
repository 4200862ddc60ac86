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

from asr.corpora.base import Clips, corpus_of
from asr.data.manifest import Utterance
from asr.data.text_files import text_lines
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


def _read(part: tuple[Path, bool | None]) -> Iterator[Utterance]:
    file_ids, dev = part
    utterances = list(_official(file_ids))
    if dev is not None:
        dev_speakers = sorted({u.speaker for u in utterances if u.speaker})[::10]
        utterances = [u for u in utterances if (u.speaker in dev_speakers) == dev]
    yield from utterances


def _official(file_ids: Path) -> Iterator[Utterance]:
    """Read the two files of a subset in parallel."""
    files = [file_ids, file_ids.with_suffix(".transcription")]
    ids, texts = (
        [(number, line.strip()) for number, line in text_lines(path) if line.strip()]
        for path in files
    )
    if len(ids) != len(texts):
        short, long = files if len(ids) < len(texts) else files[::-1]
        raise DataError(f"{short}: fewer lines than {long.name}")
    clips = Clips()
    for (_, file_id), (number, line) in zip(ids, texts, strict=True):
        match = _LINE.fullmatch(line)
        folder, _, name = file_id.rpartition("/")
        if not match or match["id"] not in (name, file_id):
            raise DataError(f"{files[1]}:{number}: not `words ({name})`")
        audio = clips.find(file_ids.parent.parent / "wav" / f"{file_id}.wav")
        speaker = folder.rpartition("/")[2] or None
        text = match["text"].strip()
        yield Utterance(audio, text, speaker=speaker, lang="en", id=name)


AN4 = corpus_of("an4", _parts, _read, "an4")
