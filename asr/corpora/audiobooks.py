"""LibriSpeech, LibriTTS and LJ Speech: English audiobooks, read by volunteers.

| corpus | shape of a recording | its transcript, in the same folder |
| --- | --- | --- |
| librispeech | `SUBSET/SPEAKER/CHAPTER/ID.flac` | `SPEAKER-CHAPTER.trans.txt` |
| libritts | `SUBSET/SPEAKER/CHAPTER/ID.wav` | `ID.normalized.txt` |
| ljspeech | `wavs/ID.wav` | `../metadata.csv`, lines of `id|raw|normalised` |

The table of LJ Speech has no header and no quoting.
Subsets of LibriSpeech and LibriTTS are folders. LJ Speech, and corpora of one speaker
in its format, have `all`, `dev` (ids with a number divisible by 25) and `train` (the
others). In normalised texts, numbers are spelled out.
Licences: CC BY 4.0; LJ Speech is in the public domain.
Sources: https://www.openslr.org/12/ (mini LibriSpeech: https://www.openslr.org/31/),
https://www.openslr.org/60/, https://keithito.com/LJ-Speech-Dataset/
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from asr.corpora.base import Clips, corpus_of, folders_with, read_table, read_text
from asr.data.manifest import Utterance
from asr.data.text_files import text_lines
from asr.errors import DataError

_NORMALIZED = ".normalized.txt"
_DEV_EVERY = 25
_DEV = {"all": None, "train": False, "dev": True}


def _librispeech(subset: Path) -> Iterator[Utterance]:
    for chapter in sorted(subset.glob("*/*")):
        if chapter.is_dir():
            yield from _chapter(chapter)


def _chapter(folder: Path) -> Iterator[Utterance]:
    clips = Clips()
    audio = clips.folder(folder)
    speaker = folder.parent.name
    transcripts = folder / f"{speaker}-{folder.name}.trans.txt"
    if not transcripts.is_file():
        if audio:
            raise DataError(f"{transcripts}: missing, for {len(audio)} clips")
        return
    texts = read_table(transcripts)
    for name in sorted({*texts, *audio}):
        _, text = texts.get(name, (0, None))
        clip = clips.find(folder / f"{name}.flac")
        yield Utterance(clip, text, speaker=speaker, lang="en", id=name)


def _libritts(subset: Path) -> Iterator[Utterance]:
    clips = Clips()
    for path in sorted(subset.glob(f"*/*/*{_NORMALIZED}")):
        name = path.name.removesuffix(_NORMALIZED)
        audio = clips.find(path.with_name(f"{name}.wav"))
        speaker = path.parent.parent.name
        yield Utterance(audio, read_text(path), speaker=speaker, lang="en", id=name)


def _ljspeech_parts(root: Path) -> dict[str, tuple[Path, bool | None]]:
    metadata = root / "metadata.csv"
    if not metadata.is_file():
        return {}
    _, first = next(text_lines(metadata), (0, ""))
    return {name: (metadata, dev) for name, dev in _DEV.items() if "|" in first}


def _ljspeech(part: tuple[Path, bool | None]) -> Iterator[Utterance]:
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


_chapters = partial(folders_with, marker="*/*/*-*.trans.txt")
_sentences = partial(folders_with, marker=f"*/*/*{_NORMALIZED}")
LIBRISPEECH = corpus_of("librispeech", _chapters, _librispeech, "LibriSpeech")
LIBRITTS = corpus_of("libritts", _sentences, _libritts, "LibriTTS")
LJSPEECH = corpus_of("ljspeech", _ljspeech_parts, _ljspeech, "LJSpeech-1.1")
