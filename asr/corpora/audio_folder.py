"""AudioFolder: recordings beside a `metadata.csv` with their transcriptions.

https://huggingface.co/docs/datasets/audio_dataset; each corpus in this form has a
licence of its own.

The header of `metadata.csv` names at least `file_name` (relative to the file) and
`transcription`. The subsets are the folders that hold one.
"""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from asr.corpora.base import Clips, Corpus, check_subset, folders_with, read_rows
from asr.data.manifest import Utterance, text_lines
from asr.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_METADATA = "metadata.csv"


def _folders(root: Path) -> dict[str, Path]:
    folders = folders_with(root, _METADATA)
    return {name: path for name, path in folders.items() if _has_header(path)}


def _has_header(folder: Path) -> bool:
    """Tell it from LJ Speech, whose `metadata.csv` has no header."""
    _, header = next(text_lines(folder / _METADATA), (0, ""))
    return "file_name" in header


def _subsets(root: Path) -> list[str]:
    return list(_folders(root))


def _read(root: Path, subset: str) -> Iterator[Utterance]:
    folders = _folders(root)
    check_subset("audio_folder", root, subset, list(folders))
    folder = folders[subset]
    clips = Clips()
    columns = ("file_name", "transcription")
    for number, row in read_rows(folder / _METADATA, columns=columns):
        if not row["file_name"]:
            raise DataError(f"{folder / _METADATA}:{number}: no file_name in this row")
        audio = clips.find(folder / row["file_name"])
        name = str(PurePosixPath(row["file_name"]).with_suffix(""))
        yield Utterance(audio, row["transcription"].strip(), id=name)


AUDIO_FOLDER = Corpus("audio_folder", _subsets, _read)
