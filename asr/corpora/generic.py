"""Corpora in the formats of other tools, and manifests.

| corpus | subsets |
| --- | --- |
| kaldi | each folder with a `wav.scp`, `text`, optional `segments` and `utt2spk` |
| audio_folder | each folder with a `metadata.csv`, as of Hugging Face Datasets |
| lhotse | `NAME_cuts_SUBSET.jsonl.gz`, `cuts_SUBSET.jsonl.gz`, or without `.gz` |
| jsonl | a manifest as `asr prepare` writes them (`all`), or each in a folder |

- kaldi: paths in `wav.scp` are relative to that folder or to its parent. Commands in
  it are refused. speechocean762, in this format, is free for commercial use too.
- audio_folder: the header names at least `file_name` (relative) and `transcription`.
- lhotse: each supervision with a text is an utterance. Recordings must be files with
  one channel; commands, addresses, samples in memory and transforms are refused.

Licence: that of each corpus.
Sources: https://kaldi-asr.org/doc/data_prep.html, https://www.openslr.org/101/,
https://huggingface.co/docs/datasets/audio_dataset, https://lhotse.readthedocs.io/
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Any

from asr.corpora.base import Clips, corpus_of, folders_with, read_rows, read_table
from asr.data.manifest import Utterance, read_manifest
from asr.data.text_files import parse_json_object, text_lines
from asr.errors import DataError

_METADATA = "metadata.csv"
_CUTS = re.compile(r"(.*?cuts[_.-]*(.*?)[_.-]*)\.jsonl(?:\.gz)?")


def _kaldi(folder: Path) -> Iterator[Utterance]:
    texts = read_table(folder / "text")
    table = folder / "utt2spk"
    speakers = read_table(table) if table.exists() else {}
    for name, audio, offset, duration in _segments(folder):
        _, text = texts.get(name, (0, None))
        _, speaker = speakers.get(name, (0, None))
        yield Utterance(audio, text, duration, offset, speaker=speaker, id=name)


def _recordings(folder: Path) -> dict[str, Path]:
    """Read `wav.scp`; its values are paths and never run as commands."""
    table = folder / "wav.scp"
    recordings = {}
    for key, (number, value) in read_table(table).items():
        if value.endswith("|") or value.startswith("|"):
            raise DataError(
                f"{table}:{number}: a shell command, which is not run; "
                "write the recording to a file and name that"
            )
        if not value:
            raise DataError(f"{table}:{number}: no path after {key}")
        near = folder / value
        recordings[key] = near if near.is_file() else folder.parent / value
    return recordings


def _segments(folder: Path) -> Iterator[tuple[str, Path, float, float | None]]:
    """Yield name, recording, offset and duration in seconds of each utterance."""
    recordings = _recordings(folder)
    segments = folder / "segments"
    if not segments.exists():
        for name, audio in recordings.items():
            yield name, audio, 0.0, None
        return
    for name, (number, value) in read_table(segments).items():
        recording, start, end = _parse_segment(f"{segments}:{number}", value)
        if recording not in recordings:
            raise DataError(f"{segments}:{number}: no {recording} in wav.scp")
        yield name, recordings[recording], start, None if end == -1 else end - start


def _parse_segment(where: str, value: str) -> tuple[str, float, float]:
    """Parse `recording start end` in seconds; -1 stands for the recording's end."""
    try:
        recording, *times = value.split()
        start, end = map(float, times)
    except ValueError as error:
        raise DataError(f"{where}: not `utterance recording start end`") from error
    if not 0 <= start < math.inf or not (start < end < math.inf or end == -1):
        raise DataError(
            f"{where}: start must be >= 0 and before end, got {start} s to {end} s"
        )
    return recording, start, end


def _audio_folder_parts(root: Path) -> dict[str, Path]:
    folders = folders_with(root, _METADATA)
    return {name: path for name, path in folders.items() if _has_header(path)}


def _has_header(folder: Path) -> bool:
    """Tell AudioFolder from LJ Speech, whose `metadata.csv` has no header."""
    _, header = next(text_lines(folder / _METADATA), (0, ""))
    return "file_name" in header


def _audio_folder(folder: Path) -> Iterator[Utterance]:
    clips = Clips()
    table = folder / _METADATA
    for number, row in read_rows(table, ("file_name", "transcription")):
        if not row["file_name"]:
            raise DataError(f"{table}:{number}: no file_name in this row")
        audio = clips.find(folder / row["file_name"])
        name = str(PurePosixPath(row["file_name"]).with_suffix(""))
        yield Utterance(audio, row["transcription"].strip(), id=name)


def _lhotse_parts(root: Path) -> dict[str, Path]:
    files = [root] if root.is_file() else sorted(root.glob("*cuts*"))
    matches = [(_CUTS.fullmatch(path.name), path) for path in files]
    return {match[2] or match[1]: path for match, path in matches if match}


def _lhotse(path: Path) -> Iterator[Utterance]:
    for number, line in text_lines(path):
        if line.strip():
            try:
                yield from _cut(parse_json_object(line), path.parent)
            except (ValueError, KeyError, TypeError, AttributeError) as error:
                raise DataError(f"{path}:{number}: not a lhotse cut: {error}") from None


def _cut(cut: dict[str, Any], folder: Path) -> Iterator[Utterance]:
    (source,) = cut["recording"]["sources"]
    if source["type"] != "file":
        raise ValueError(f"a recording must be a file, got type {source['type']!r}")
    if len(source.get("channels", [0])) > 1 or cut["recording"].get("transforms"):
        raise ValueError("a recording must have one channel and no transforms")
    for supervision in cut["supervisions"]:
        if supervision.get("text"):
            yield Utterance(
                folder / source["source"],
                str(supervision["text"]),
                duration=float(supervision["duration"]),
                offset=float(cut["start"]) + float(supervision["start"]),
                speaker=supervision.get("speaker"),
                lang=supervision.get("language"),
                id=str(supervision["id"]),
            )


def _manifests(root: Path) -> dict[str, Path]:
    if root.is_file():
        return {"all": root}
    return {path.stem: path for path in sorted(root.glob("*.jsonl"))}


_kaldi_parts = partial(folders_with, marker="wav.scp")
KALDI = corpus_of("kaldi", _kaldi_parts, _kaldi)
SPEECHOCEAN762 = corpus_of("speechocean762", _kaldi_parts, _kaldi, "speechocean762")
AUDIO_FOLDER = corpus_of("audio_folder", _audio_folder_parts, _audio_folder)
LHOTSE = corpus_of("lhotse", _lhotse_parts, _lhotse)
JSONL = corpus_of("jsonl", _manifests, lambda manifest: read_manifest(manifest))
