"""LibriSpeech: 1000 hours of read English audiobooks.

Shape: `SUBSET/SPEAKER/CHAPTER/SPEAKER-CHAPTER-NNNN.flac`, or another audio format, with
`SPEAKER-CHAPTER.trans.txt`. Subsets are folders.
Licence: CC BY 4.0.
Source: https://www.openslr.org/12/ (mini LibriSpeech: https://www.openslr.org/31/)
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path

from asr.corpora.base import Clips, corpus_of, folders_with, read_table
from asr.data.manifest import Utterance
from asr.errors import DataError


def _read(subset: Path) -> Iterator[Utterance]:
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


_parts = partial(folders_with, marker="*/*/*-*.trans.txt")
LIBRISPEECH = corpus_of("librispeech", _parts, _read, "LibriSpeech")
