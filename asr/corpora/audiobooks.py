"""LibriSpeech, LibriTTS and LJ Speech: English audiobooks, read by volunteers.

| corpus | shape of a recording | its transcript, in the same folder |
| --- | --- | --- |
| librispeech | `SUBSET/SPEAKER/CHAPTER/ID.flac` | `SPEAKER-CHAPTER.trans.txt` |
| libritts | `SUBSET/SPEAKER/CHAPTER/ID.wav` | `ID.normalized.txt` |
| ljspeech | `wavs/ID.wav` | `../metadata.csv`, lines of `id|raw|normalised` |

The table of LJ Speech has no header and no quoting; corpora in its format may have
lines of `id|text`.
Subsets of LibriSpeech and LibriTTS are folders. LJ Speech, and corpora of one speaker
in its format, have `all`, `dev` (ids with a number divisible by 25, or so a checksum of
ids without one) and `train` (the others). In normalised texts, numbers are spelled out.
Licences: CC BY 4.0; LJ Speech is in the public domain.
Sources: https://www.openslr.org/12/ (mini LibriSpeech: https://www.openslr.org/31/),
https://www.openslr.org/60/, https://keithito.com/LJ-Speech-Dataset/
"""

from __future__ import annotations

import re
import zlib
from collections import Counter
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from asr.corpora.base import (
    Clips,
    Row,
    clip_with_text,
    corpus_of,
    folders_with,
    read_table,
)
from asr.data.manifest import Utterance
from asr.data.text_files import DamagedRow, lenient_lines, parsed_rows

_NORMALIZED = ".normalized.txt"
_DEV_EVERY = 25
_DEV = {"all": None, "train": False, "dev": True}


def _librispeech(subset: Path) -> Iterator[Row]:
    for chapter in sorted(subset.glob("*/*")):
        if chapter.is_dir():
            yield from _chapter(chapter)


def _chapter(folder: Path) -> Iterator[Row]:
    clips = Clips()
    audio = clips.folder(folder)
    speaker = folder.parent.name
    transcripts = folder / f"{speaker}-{folder.name}.trans.txt"
    if not transcripts.is_file():
        if audio:
            yield DamagedRow(str(transcripts), f"missing, for {len(audio)} clips")
        return
    damaged: list[DamagedRow] = []
    texts = read_table(transcripts, damaged)
    yield from damaged
    for name in sorted({*texts, *audio}):
        _, text = texts.get(name, (0, None))
        clip = clips.find(folder / f"{name}.flac")
        yield Utterance(clip, text, speaker=speaker, lang="en", id=name)


def _libritts(subset: Path) -> Iterator[Row]:
    clips = Clips()
    for path in sorted(subset.glob(f"*/*/*{_NORMALIZED}")):
        name = path.name.removesuffix(_NORMALIZED)
        audio = clips.find(path.with_name(f"{name}.wav"))
        yield clip_with_text(audio, path, path.parent.parent.name, name)


def _ljspeech_parts(root: Path) -> dict[str, tuple[Path, bool | None]]:
    metadata = root / "metadata.csv"
    if not metadata.is_file():
        return {}
    rows = (line.partition("|") for _, line in lenient_lines(metadata))
    names = [name for name, bar, _ in rows if name and bar]
    there = {None, *map(_is_dev, names)} if names else set()
    return {name: (metadata, dev) for name, dev in _DEV.items() if dev in there}


def _is_dev(name: str) -> bool:
    digits = re.search(r"[0-9]+$", name)
    number = int(digits[0][-9:]) if digits else zlib.crc32(name.encode())
    return number % _DEV_EVERY == 0


def _ljspeech(part: tuple[Path, bool | None]) -> Iterator[Row]:
    metadata, dev = part
    speaker = metadata.parent.resolve().name  # one speaker a corpus
    clips = Clips()
    # The first line may be damaged.
    counts = Counter(line.count("|") for _, line in lenient_lines(metadata))
    columns = 2 if counts[2] >= counts[1] else 1

    def parse(line: str) -> Iterator[Utterance]:
        name, *texts = line.split("|")
        if not name or len(texts) != columns:
            form = "id|raw|normalised" if columns == 2 else "id|text"
            raise ValueError(f"not `{form}`")
        if dev is None or dev == _is_dev(name):
            audio = clips.find(metadata.parent / "wavs" / f"{name}.wav")
            text = texts[-1].strip()
            yield Utterance(audio, text, speaker=speaker, lang="en", id=name)

    yield from parsed_rows(metadata, parse)


_chapters = partial(folders_with, marker="*/*/*-*.trans.txt")
_sentences = partial(folders_with, marker=f"*/*/*{_NORMALIZED}")
LIBRISPEECH = corpus_of("librispeech", _chapters, _librispeech, "LibriSpeech")
LIBRITTS = corpus_of("libritts", _sentences, _libritts, "LibriTTS")
LJSPEECH = corpus_of("ljspeech", _ljspeech_parts, _ljspeech, "LJSpeech-1.1")
