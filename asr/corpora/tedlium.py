"""TED-LIUM: talks in English with the times of their sentences.

https://www.openslr.org/51/ (release 3), 19 and 7 (releases 2 and 1); CC BY-NC-ND 3.0.

Layout: `SUBSET/stm/TALK.stm` beside `SUBSET/sph/TALK.sph`, in release 3 below `legacy`
or `speaker-adaptation`. An utterance is a stretch of its talk. Marks of transcribers
(`<unk>`, `{breath}`, `(2)`) are left out of the text, and ` 's`, ` 'll` and the like
are joined to their words.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from asr.corpora.base import Clips, Corpus, check_subset, folders_with
from asr.data.manifest import Utterance, text_lines
from asr.formats.nist import read_segments
from asr.formats.readers import Line

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_STM = "stm/*.stm"
_MARKS = re.compile(r"<[^>]*>|\{[^}]*\}|\(\d+\)")
_ENDINGS = re.compile(r"\s+('(?:s|t|re|ve|ll|d|m))\b")


def _folders(root: Path) -> dict[str, Path]:
    for folder in (root / "legacy", root / "speaker-adaptation", root):
        found = folders_with(folder, _STM)
        if found:
            return found
    return {}


def _subsets(root: Path) -> list[str]:
    return list(_folders(root))


def _read(root: Path, subset: str) -> Iterator[Utterance]:
    folders = _folders(root)
    check_subset("tedlium", root, subset, list(folders))
    clips = Clips()
    for path in sorted(folders[subset].glob(_STM)):
        lines = (
            Line(number, line.strip(), path)
            for number, line in text_lines(path)
            if line.strip() and not line.startswith(";;")
        )
        audio = clips.find(path.parent.parent / "sph" / f"{path.stem}.sph")
        for segment in read_segments(lines).values():
            if segment.text is not None:
                yield Utterance(
                    audio,
                    _cleaned(segment.text),
                    duration=segment.end - segment.begin,
                    offset=segment.begin,
                    speaker=segment.speaker,
                    lang="en",
                    id=f"{path.stem}-{round(100 * segment.begin):07d}",
                )


def _cleaned(text: str) -> str:
    return " ".join(_ENDINGS.sub(r"\1", _MARKS.sub(" ", text)).split())


TEDLIUM = Corpus("tedlium", _subsets, _read, "TEDLIUM_release-3")
