"""AN4 and other corpora in the Sphinx layout: `.fileids` and `.transcription` files.

CMU AN4 (census data, 1991): http://www.speech.cs.cmu.edu/databases/an4/; free for any
use under CMU's BSD-like licence, which comes with the corpus.

The subsets are those of `etc/NAME_SUBSET.fileids` (AN4's official split is `train` and
`test`) and, cut from `train` by speaker, `train-own` and `dev-own`: every tenth speaker
in sorted order is in the latter.
"""

from __future__ import annotations

import re
from itertools import zip_longest
from typing import TYPE_CHECKING

from asr.corpora.base import Clips, Corpus, check_subset
from asr.data.manifest import Utterance, text_lines
from asr.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_LINE = re.compile(r"(?:<s>)?(?P<text>.*?)(?:</s>)?\s*\((?P<id>[^()]+)\)")
_OWN = ("train-own", "dev-own")


def _file_ids(root: Path) -> dict[str, Path]:
    files = sorted((root / "etc").glob("*_*.fileids"))
    return {file.stem.rpartition("_")[2]: file for file in files}


def _subsets(root: Path) -> list[str]:
    official = list(_file_ids(root))
    return [*official, *(_OWN if "train" in official else ())]


def _read(root: Path, subset: str) -> Iterator[Utterance]:
    check_subset("an4", root, subset, _subsets(root))
    own = subset in _OWN
    utterances = list(_official(root, _file_ids(root)["train" if own else subset]))
    if own:
        held_out = sorted({u.speaker for u in utterances if u.speaker})[::10]
        wanted = subset == "dev-own"
        utterances = [u for u in utterances if (u.speaker in held_out) == wanted]
    yield from utterances


def _official(root: Path, file_ids: Path) -> Iterator[Utterance]:
    """Read the two files of a subset, which go line by line."""
    transcription = file_ids.with_suffix(".transcription")
    clips = Clips()
    for (number, file_id), (text_number, line) in zip_longest(
        _filled(file_ids), _filled(transcription), fillvalue=(0, "")
    ):
        if not number or not text_number:
            short = transcription if number else file_ids
            raise DataError(f"{short}: fewer lines than its twin; both need one a clip")
        found = _LINE.fullmatch(line)
        folder, _, name = file_id.rpartition("/")
        if not found or found["id"] not in (name, file_id):
            raise DataError(f"{transcription}:{text_number}: not `words ({name})`")
        audio = clips.find(root / "wav" / f"{file_id}.wav")
        speaker = folder.rpartition("/")[2] or None
        text = found["text"].strip()
        yield Utterance(audio, text, speaker=speaker, lang="en", id=name)


def _filled(path: Path) -> Iterator[tuple[int, str]]:
    return ((number, line.strip()) for number, line in text_lines(path) if line.strip())


AN4 = Corpus("an4", _subsets, _read, "an4")
