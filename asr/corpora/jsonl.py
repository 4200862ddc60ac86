"""JSON-lines manifests of one's own recordings, as `asr prepare` writes them.

The root is a manifest, of any name, with the one subset `all`, or a folder of `.jsonl`
files, which are the subsets. `asr.data.manifest` describes the lines; the licence is
that of the recordings.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from asr.corpora.base import Corpus, check_subset
from asr.data.manifest import Utterance, read_manifest

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


def _manifests(root: Path) -> dict[str, Path]:
    if root.is_file():
        return {"all": root}
    return {path.stem: path for path in sorted(root.glob("*.jsonl"))}


def _subsets(root: Path) -> list[str]:
    return list(_manifests(root))


def _read(root: Path, subset: str) -> Iterator[Utterance]:
    manifests = _manifests(root)
    check_subset("jsonl", root, subset, list(manifests))
    yield from read_manifest(manifests[subset])


JSONL = Corpus("jsonl", _subsets, _read)
