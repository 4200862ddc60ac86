"""AudioFolder: recordings with a `metadata.csv`, the format of Hugging Face Datasets.

Shape: each folder with a `metadata.csv` is a subset. The header names at least
`file_name` (relative to the file) and `transcription`.
Licence: that of each corpus in this format.
Source: https://huggingface.co/docs/datasets/audio_dataset
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from asr.corpora.base import Clips, corpus_of, folders_with, read_rows
from asr.data.manifest import Utterance
from asr.data.text_files import text_lines
from asr.errors import DataError

_METADATA = "metadata.csv"


def _parts(root: Path) -> dict[str, Path]:
    folders = folders_with(root, _METADATA)
    return {name: path for name, path in folders.items() if _has_header(path)}


def _has_header(folder: Path) -> bool:
    """Tell AudioFolder from LJ Speech, whose `metadata.csv` has no header."""
    _, header = next(text_lines(folder / _METADATA), (0, ""))
    return "file_name" in header


def _read(folder: Path) -> Iterator[Utterance]:
    clips = Clips()
    columns = ("file_name", "transcription")
    for number, row in read_rows(folder / _METADATA, columns=columns):
        if not row["file_name"]:
            raise DataError(f"{folder / _METADATA}:{number}: no file_name in this row")
        audio = clips.find(folder / row["file_name"])
        name = str(PurePosixPath(row["file_name"]).with_suffix(""))
        yield Utterance(audio, row["transcription"].strip(), id=name)


AUDIO_FOLDER = corpus_of("audio_folder", _parts, _read)
