"""VoxPopuli: speeches in the European Parliament in 16 languages, with transcripts.

Shape: a folder named by the language, with `asr_SUBSET.tsv` and `YEAR/ID.ogg`, as the
scripts of VoxPopuli write them, or `SUBSET/SUBSET_part_N/ID.wav`, as on Hugging Face.
Texts are the normalised ones.
Licence: CC0. Source: https://github.com/facebookresearch/voxpopuli
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from asr.corpora.base import Clips, corpus_of, read_rows
from asr.data.manifest import Utterance

_COLUMNS = ("id", "normalized_text", "speaker_id")
_PREFIX = "asr_"


def _parts(root: Path) -> dict[str, Path]:
    tables = sorted(root.glob(f"{_PREFIX}*.tsv")) if root.is_dir() else []
    return {path.stem.removeprefix(_PREFIX): path for path in tables}


def _read(table: Path) -> Iterator[Utterance]:
    root, subset = table.parent, table.stem.removeprefix(_PREFIX)
    clips = Clips()
    parts = sorted(path for path in (root / subset).glob("*") if path.is_dir())
    for _, row in read_rows(table, columns=_COLUMNS, delimiter="\t", quoted=False):
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


VOXPOPULI = corpus_of("voxpopuli", _parts, _read, "voxpopuli")
