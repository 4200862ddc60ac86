"""LibriTTS: LibriSpeech cut at sentences, with punctuation, at 24 kHz.

Shape: `SUBSET/SPEAKER/CHAPTER/NAME.wav` with `NAME.normalized.txt`, in which numbers
are spelled out. Subsets are folders.
Licence: CC BY 4.0. Source: https://www.openslr.org/60/
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path

from asr.corpora.base import Clips, corpus_of, folders_with, read_text
from asr.data.manifest import Utterance

_ENDING = ".normalized.txt"
_TRANSCRIPTS = f"*/*/*{_ENDING}"


def _read(subset: Path) -> Iterator[Utterance]:
    clips = Clips()
    for path in sorted(subset.glob(_TRANSCRIPTS)):
        name = path.name.removesuffix(_ENDING)
        audio = clips.find(path.with_name(f"{name}.wav"))
        speaker = path.parent.parent.name
        yield Utterance(audio, read_text(path), speaker=speaker, lang="en", id=name)


_parts = partial(folders_with, marker=_TRANSCRIPTS)
LIBRITTS = corpus_of("libritts", _parts, _read, "LibriTTS")
