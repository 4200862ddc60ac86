"""VCTK: newspaper sentences read by 110 speakers with English accents, at 48 kHz.

Shape: `txt/SPEAKER/SPEAKER_NUMBER.txt` and, in release 0.92,
`wav48_silence_trimmed/SPEAKER/SPEAKER_NUMBER_mic1.flac` and `_mic2`, with the subsets
`mic1` and `mic2`. Release 0.80 has `wav48/SPEAKER/SPEAKER_NUMBER.wav` and the subset
`all`. Recordings without a transcript are ignored.
Licence: CC BY 4.0. Source: https://datashare.ed.ac.uk/handle/10283/3443
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from asr.corpora.base import Clips, Row, clip_with_text, corpus_of


def _parts(root: Path) -> dict[str, tuple[Path, str]]:
    """Return subset -> folder of recordings and ending of their names."""
    new, old = root / "wav48_silence_trimmed", root / "wav48"
    if not any(root.glob("txt/*/*.txt")):
        return {}
    if new.is_dir():
        return {"mic1": (new, "_mic1.flac"), "mic2": (new, "_mic2.flac")}
    return {"all": (old, ".wav")} if old.is_dir() else {}


def _read(part: tuple[Path, str]) -> Iterator[Row]:
    folder, ending = part
    clips = Clips()
    for path in sorted(folder.parent.glob("txt/*/*.txt")):
        speaker, name = path.parent.name, path.stem
        audio = clips.find(folder / speaker / f"{name}{ending}")
        yield clip_with_text(audio, path, speaker, name)


VCTK = corpus_of("vctk", _parts, _read, "VCTK-Corpus-0.92")
