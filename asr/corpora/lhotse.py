"""lhotse: cuts of recordings with their supervisions, `*.jsonl.gz` or `*.jsonl`.

https://lhotse.readthedocs.io/; each corpus in this form has a licence of its own.

The subsets are the files `NAME_cuts_SUBSET.jsonl.gz`, `cuts_SUBSET.jsonl.gz` or the
like. Each supervision with a text is an utterance. Recordings must be files of one
channel: a command, an address, samples in memory or a change of speed are refused.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from asr.corpora.base import Corpus, check_subset
from asr.data.manifest import Utterance, parsed, text_lines
from asr.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Iterator

_ENDINGS = (".jsonl.gz", ".jsonl")


def _files(root: Path) -> dict[str, Path]:
    if root.is_file():
        name = _name(root)
        return {name: root} if name else {}
    found = sorted(root.glob("*cuts*")) if root.is_dir() else []
    return {name: path for path in found if (name := _name(path))}


def _name(path: Path) -> str:
    """Return the subset of a file of cuts; empty if it is none."""
    for ending in _ENDINGS:
        if path.name.endswith(ending) and "cuts" in path.name:
            stem = path.name.removesuffix(ending)
            return stem.partition("cuts")[2].strip("_-.") or stem
    return ""


def _subsets(root: Path) -> list[str]:
    return list(_files(root))


def _read(root: Path, subset: str) -> Iterator[Utterance]:
    files = _files(root)
    check_subset("lhotse", root, subset, list(files))
    path = files[subset]
    for number, line in text_lines(path):
        if line.strip():
            try:
                yield from _cut(parsed(line), path.parent)
            except (ValueError, KeyError, TypeError, AttributeError) as error:
                raise DataError(f"{path}:{number}: no cut of lhotse: {error}") from None


def _cut(cut: dict[str, Any], folder: Path) -> Iterator[Utterance]:
    (source,) = cut["recording"]["sources"]
    if source["type"] != "file":
        raise ValueError(f"a recording of type {source['type']!r}; only files are read")
    if len(source.get("channels", [0])) > 1 or cut["recording"].get("transforms"):
        raise ValueError("a recording of several channels, or one that is transformed")
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


LHOTSE = Corpus("lhotse", _subsets, _read)
