"""LibriSpeech: read English audiobooks, 1000 hours, in any audio format.

https://www.openslr.org/12/ (mini LibriSpeech: https://www.openslr.org/31/); CC BY 4.0.

Layout: `SUBSET/SPEAKER/CHAPTER/SPEAKER-CHAPTER-NNNN.flac` beside
`SPEAKER-CHAPTER.trans.txt`. The subsets are the folders that are there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from asr.corpora.base import Clips, Corpus, check_subset, folders_with, read_table
from asr.data.manifest import Utterance
from asr.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_TRANSCRIPTS = "*/*/*-*.trans.txt"


def _subsets(root: Path) -> list[str]:
    return list(folders_with(root, _TRANSCRIPTS))


def _read(root: Path, subset: str) -> Iterator[Utterance]:
    folders = folders_with(root, _TRANSCRIPTS)
    check_subset("librispeech", root, subset, list(folders))
    for chapter in sorted(folders[subset].glob("*/*")):
        if chapter.is_dir():
            yield from _chapter(chapter)


def _chapter(folder: Path) -> Iterator[Utterance]:
    clips = Clips()
    audio = clips.folder(folder)
    speaker = folder.parent.name
    transcripts = folder / f"{speaker}-{folder.name}.trans.txt"
    if not transcripts.is_file():
        if audio:
            raise DataError(f"{transcripts}: no such file beside {len(audio)} clips")
        return
    texts = read_table(transcripts)
    for name in sorted({*texts, *audio}):
        _, text = texts.get(name, (0, None))
        clip = clips.find(folder / f"{name}.flac")
        yield Utterance(clip, text, speaker=speaker, lang="en", id=name)


LIBRISPEECH = Corpus("librispeech", _subsets, _read, "LibriSpeech")
