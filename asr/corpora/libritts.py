"""LibriTTS: LibriSpeech cut at sentences, with punctuation, at 24 kHz.

https://www.openslr.org/60/; CC BY 4.0.

Layout: `SUBSET/SPEAKER/CHAPTER/NAME.wav` beside `NAME.normalized.txt`, in which numbers
are written out. The subsets are the folders that are there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from asr.corpora.base import Clips, Corpus, check_subset, folders_with
from asr.data.manifest import Utterance, text_lines

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_ENDING = ".normalized.txt"
_TRANSCRIPTS = f"*/*/*{_ENDING}"


def _subsets(root: Path) -> list[str]:
    return list(folders_with(root, _TRANSCRIPTS))


def _read(root: Path, subset: str) -> Iterator[Utterance]:
    folders = folders_with(root, _TRANSCRIPTS)
    check_subset("libritts", root, subset, list(folders))
    clips = Clips()
    for path in sorted(folders[subset].glob(_TRANSCRIPTS)):
        name = path.name.removesuffix(_ENDING)
        text = " ".join(line.strip() for _, line in text_lines(path)).strip()
        audio = clips.find(path.with_name(f"{name}.wav"))
        speaker = path.parent.parent.name
        yield Utterance(audio, text, speaker=speaker, lang="en", id=name)


LIBRITTS = Corpus("libritts", _subsets, _read, "LibriTTS")
