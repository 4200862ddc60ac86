"""TED-LIUM and VoxPopuli: talks, and speeches in the European Parliament.

| corpus | recordings | transcripts |
| --- | --- | --- |
| tedlium | `SUBSET/sph/TALK.sph` | `SUBSET/stm/TALK.stm`, with times of sentences |
| voxpopuli | `YEAR/ID.ogg` or `SUBSET/SUBSET_part_N/ID.wav` | `asr_SUBSET.tsv` |

TED-LIUM is English; release 3 has it below `legacy` or `speaker-adaptation`. Marks
(`<unk>`, `{breath}`, `(2)`) are removed; ` 's`, ` 'll` and the like are joined to their
words. VoxPopuli has a folder for each of 16 languages, named by it; its recordings lie
as its scripts write them, or as on Hugging Face. Its texts are the normalised ones.
Licences: CC BY-NC-ND 3.0, CC0.
Sources: https://www.openslr.org/51/ (release 3), 19 and 7 (releases 2 and 1);
https://github.com/facebookresearch/voxpopuli
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from asr.corpora.base import Clips, Row, corpus_of, folders_with, read_rows
from asr.data.manifest import Utterance
from asr.data.text_files import DamagedRow
from asr.errors import DataError
from asr.formats.lines import read_lines
from asr.formats.nist import read_segments

_STM = "stm/*.stm"
_MARKS = re.compile(r"<[^>]*>|\{[^}]*\}|\(\d+\)")
_ENDINGS = re.compile(r"\s+('(?:s|t|re|ve|ll|d|m))\b")
_PREFIX = "asr_"


def _talk_parts(root: Path) -> dict[str, Path]:
    folders = (root / "legacy", root / "speaker-adaptation", root)
    return next(filter(None, (folders_with(folder, _STM) for folder in folders)), {})


def _talks(subset: Path) -> Iterator[Row]:
    clips = Clips()
    for path in sorted(subset.glob(_STM)):
        audio = clips.find(subset / "sph" / f"{path.stem}.sph")
        try:
            segments = read_segments(read_lines(path)).values()
        except DataError as error:
            yield DamagedRow(path.name, str(error))
            continue
        for segment in segments:
            if segment.text is not None:
                text = _ENDINGS.sub(r"\1", _MARKS.sub(" ", segment.text))
                yield Utterance(
                    audio,
                    " ".join(text.split()),
                    duration=segment.end - segment.begin,
                    offset=segment.begin,
                    speaker=segment.speaker,
                    lang="en",
                    id=f"{path.stem}-{round(100 * segment.begin):07d}",
                )


def _voxpopuli_parts(root: Path) -> dict[str, Path]:
    tables = sorted(root.glob(f"{_PREFIX}*.tsv"))
    return {path.stem.removeprefix(_PREFIX): path for path in tables}


def _voxpopuli(table: Path) -> Iterator[Row]:
    root, subset = table.parent, table.stem.removeprefix(_PREFIX)
    clips = Clips()
    parts = sorted(path for path in (root / subset).glob("*") if path.is_dir())
    for entry in read_rows(table, ("id", "normalized_text", "speaker_id")):
        if isinstance(entry, DamagedRow):
            yield entry
            continue
        _, row = entry
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


TEDLIUM = corpus_of("tedlium", _talk_parts, _talks, "TEDLIUM_release-3")
VOXPOPULI = corpus_of("voxpopuli", _voxpopuli_parts, _voxpopuli, "voxpopuli")
