"""VCTK: 110 readers of newspaper sentences with accents of English, at 48 kHz.

https://datashare.ed.ac.uk/handle/10283/3443; CC BY 4.0.

Layout: `txt/SPEAKER/SPEAKER_NUMBER.txt`, and of release 0.92
`wav48_silence_trimmed/SPEAKER/SPEAKER_NUMBER_mic1.flac` and `_mic2`; the subsets are
`mic1` and `mic2`. Release 0.80 has `wav48/SPEAKER/SPEAKER_NUMBER.wav` and the subset
`all`. A recording without a transcript is not listed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from asr.corpora.base import Clips, Corpus, check_subset
from asr.data.manifest import Utterance, text_lines

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


def _subsets(root: Path) -> list[str]:
    if not any(root.glob("txt/*/*.txt")):
        return []
    if (root / "wav48_silence_trimmed").is_dir():
        return ["mic1", "mic2"]
    return ["all"] if (root / "wav48").is_dir() else []


def _read(root: Path, subset: str) -> Iterator[Utterance]:
    check_subset("vctk", root, subset, _subsets(root))
    clips = Clips()
    folder = root / ("wav48" if subset == "all" else "wav48_silence_trimmed")
    ending = ".wav" if subset == "all" else f"_{subset}.flac"
    for path in sorted(root.glob("txt/*/*.txt")):
        speaker = path.parent.name
        text = " ".join(line.strip() for _, line in text_lines(path)).strip()
        audio = clips.find(folder / speaker / f"{path.stem}{ending}")
        yield Utterance(audio, text, speaker=speaker, lang="en", id=path.stem)


VCTK = Corpus("vctk", _subsets, _read, "VCTK-Corpus-0.92")
