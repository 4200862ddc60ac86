"""TED-LIUM: English talks with the times of their sentences.

Shape: `SUBSET/stm/TALK.stm` and `SUBSET/sph/TALK.sph`, in release 3 below `legacy` or
`speaker-adaptation`. An utterance is a segment of a talk. Transcription marks (`<unk>`,
`{breath}`, `(2)`) are removed; ` 's`, ` 'll` and the like are joined to their words.
Licence: CC BY-NC-ND 3.0.
Source: https://www.openslr.org/51/ (release 3), 19 and 7 (releases 2 and 1)
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from asr.corpora.base import Clips, corpus_of, folders_with
from asr.data.manifest import Utterance
from asr.data.text_files import text_lines
from asr.formats.nist import Line, read_segments

_STM = "stm/*.stm"
_MARKS = re.compile(r"<[^>]*>|\{[^}]*\}|\(\d+\)")
_ENDINGS = re.compile(r"\s+('(?:s|t|re|ve|ll|d|m))\b")


def _parts(root: Path) -> dict[str, Path]:
    for folder in (root / "legacy", root / "speaker-adaptation", root):
        subsets = folders_with(folder, _STM)
        if subsets:
            return subsets
    return {}


def _read(subset: Path) -> Iterator[Utterance]:
    clips = Clips()
    for path in sorted(subset.glob(_STM)):
        lines = (
            Line(number, line.strip(), path)
            for number, line in text_lines(path)
            if line.strip() and not line.startswith(";;")
        )
        audio = clips.find(subset / "sph" / f"{path.stem}.sph")
        for segment in read_segments(lines).values():
            if segment.text is not None:
                yield Utterance(
                    audio,
                    _without_marks(segment.text),
                    duration=segment.end - segment.begin,
                    offset=segment.begin,
                    speaker=segment.speaker,
                    lang="en",
                    id=f"{path.stem}-{round(100 * segment.begin):07d}",
                )


def _without_marks(text: str) -> str:
    return " ".join(_ENDINGS.sub(r"\1", _MARKS.sub(" ", text)).split())


TEDLIUM = corpus_of("tedlium", _parts, _read, "TEDLIUM_release-3")
