"""lhotse: cuts of recordings with their supervisions, in JSON lines.

Shape: files `NAME_cuts_SUBSET.jsonl.gz`, `cuts_SUBSET.jsonl.gz` or the same without
`.gz`. Each supervision with a text is an utterance. Recordings must be files with one
channel; commands, addresses, samples in memory and transforms are refused.
Licence: that of each corpus in this format.
Source: https://lhotse.readthedocs.io/
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from asr.corpora.base import corpus_of
from asr.data.manifest import Utterance
from asr.data.text_files import parse_json_object, text_lines
from asr.errors import DataError

_ENDINGS = (".jsonl.gz", ".jsonl")


def _parts(root: Path) -> dict[str, Path]:
    if root.is_file():
        files = [root]
    else:
        files = sorted(root.glob("*cuts*")) if root.is_dir() else []
    return {name: path for path in files if (name := _subset_of(path))}


def _subset_of(path: Path) -> str:
    """Return the subset of a file of cuts; empty for any other file."""
    for ending in _ENDINGS:
        if path.name.endswith(ending) and "cuts" in path.name:
            stem = path.name.removesuffix(ending)
            return stem.partition("cuts")[2].strip("_-.") or stem
    return ""


def _read(path: Path) -> Iterator[Utterance]:
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


LHOTSE = corpus_of("lhotse", _parts, _read)
