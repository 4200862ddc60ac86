"""VoxPopuli: speeches of the European Parliament in 16 languages, with texts.

https://github.com/facebookresearch/voxpopuli; CC0.

Layout, as its own scripts write it: `asr_SUBSET.tsv` beside `YEAR/ID.ogg`, in a folder
named by the language; the copy on Hugging Face has `SUBSET/SUBSET_part_N/ID.wav`. The
text is the normalised one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from asr.corpora.base import Clips, Corpus, check_subset, read_rows
from asr.data.manifest import Utterance

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_COLUMNS = ("id", "normalized_text", "speaker_id")


def _tables(root: Path) -> dict[str, Path]:
    found = sorted(root.glob("asr_*.tsv")) if root.is_dir() else []
    return {path.stem.removeprefix("asr_"): path for path in found}


def _subsets(root: Path) -> list[str]:
    return list(_tables(root))


def _read(root: Path, subset: str) -> Iterator[Utterance]:
    tables = _tables(root)
    check_subset("voxpopuli", root, subset, list(tables))
    clips = Clips()
    parts = sorted(path for path in (root / subset).glob("*") if path.is_dir())
    rows = read_rows(tables[subset], columns=_COLUMNS, delimiter="\t", quoted=False)
    for _, row in rows:
        name = row["id"]
        audio = clips.find(root / name[:4] / f"{name}.ogg")
        for part in parts:
            audio = clips.folder(part).get(name, audio)
        yield Utterance(
            audio,
            row["normalized_text"].strip(),
            speaker=row["speaker_id"] or None,
            lang=root.resolve().name,
            id=name,
        )


VOXPOPULI = Corpus("voxpopuli", _subsets, _read, "voxpopuli")
