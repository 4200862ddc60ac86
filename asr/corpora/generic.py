"""Recordings with a table of their texts, and manifests.

| corpus | subsets |
| --- | --- |
| audio_folder | each folder with a `metadata.csv` or `.jsonl`, also below `data` |
| jsonl | a manifest as `asr prepare` or NeMo write them (`all`), or each in a folder |

- audio_folder, as of Hugging Face Datasets: rows with a `file_name` (relative), a text
  (`transcription`, `text`, `sentence`, `transcript` or `normalized_text`) and maybe a
  `speaker` (or `speaker_id`) and a `language` (or `lang`).
- jsonl: `audio_filename` stands for `audio_filepath`; `text_filepath` is a file with
  the text.

Licence: that of each corpus.
Source: https://huggingface.co/docs/datasets/audio_dataset
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import Any

from asr.corpora.base import Clips, Row, corpus_of, folders_with, read_rows
from asr.data.manifest import Utterance, manifest_rows
from asr.data.text_files import (
    DamagedRow,
    lenient_lines,
    parse_json_object,
    parsed_rows,
)
from asr.errors import DataError
from asr.files import is_file, is_folder

_TABLES = ("metadata.csv", "metadata.jsonl")
_FILE = "file_name"
_TEXTS = ("transcription", "text", "sentence", "transcript", "normalized_text")
_SPEAKERS = ("speaker", "speaker_id")
_LANGUAGES = ("language", "lang")


def _audio_folder_parts(root: Path) -> dict[str, Path]:
    """Find the tables: below the folder, or below its `data`."""
    marker = "metadata.[cj]s*"
    folders = folders_with(root, marker) or folders_with(root / "data", marker)
    tables = {
        name: path / table
        for name, path in folders.items()
        for table in reversed(_TABLES)
        if (path / table).is_file()
    }
    return {name: table for name, table in tables.items() if _has_header(table)}


def _has_header(table: Path) -> bool:
    """Tell AudioFolder from LJ Speech, whose `metadata.csv` has no header."""
    if table.suffix == ".jsonl":
        return True
    _, header = next(lenient_lines(table), (0, ""))
    return _FILE in header


def _audio_folder(table: Path) -> Iterator[Row]:
    clips = Clips()
    if table.suffix == ".csv":
        for entry in read_rows(table, (_FILE,)):
            if isinstance(entry, DamagedRow):
                yield entry
                continue
            number, row = entry
            if not any(key in row for key in _TEXTS):
                texts = ", ".join(_TEXTS)
                raise DataError(f"{table}:1: no column with texts: one of {texts}")
            try:
                yield _utterance(row, table, clips)
            except ValueError as error:
                yield DamagedRow(f"{table}:{number}", str(error))
    else:
        yield from parsed_rows(
            table, lambda line: [_utterance(parse_json_object(line), table, clips)]
        )


def _utterance(row: Mapping[str, Any], table: Path, clips: Clips) -> Utterance:
    name = row.get(_FILE)
    if not name or not isinstance(name, str):
        raise ValueError(f"no {_FILE} in this row")
    text = _first(row, _TEXTS)
    return Utterance(
        clips.find(table.parent / name),
        None if text is None else text.strip(),
        speaker=_first(row, _SPEAKERS) or None,
        lang=_first(row, _LANGUAGES) or None,
        id=str(PurePosixPath(name).with_suffix("")),
    )


def _first(row: Mapping[str, Any], keys: tuple[str, ...]) -> str | None:
    """Return the value of the first column that is there and not empty."""
    values = (row[key] for key in keys if row.get(key) not in (None, ""))
    value = next(values, None)
    return None if value is None else str(value)


def _manifests(root: Path) -> dict[str, Path]:
    if is_file(root):
        return {"all": root}
    if not is_folder(root):
        return {}
    return {path.stem: path for path in sorted(root.glob("*.jsonl"))}


AUDIO_FOLDER = corpus_of("audio_folder", _audio_folder_parts, _audio_folder)
JSONL = corpus_of("jsonl", _manifests, lambda manifest: manifest_rows(manifest))
