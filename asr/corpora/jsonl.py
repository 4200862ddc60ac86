"""JSON-lines manifests of your own recordings, as `asr prepare` writes them.

Shape: a manifest with the one subset `all`, or a folder of `.jsonl` files, each of them
a subset. `asr.data.manifest` describes the lines. Licence: that of the recordings.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from asr.corpora.base import corpus_of
from asr.data.manifest import Utterance, read_manifest


def _parts(root: Path) -> dict[str, Path]:
    if root.is_file():
        return {"all": root}
    return {path.stem: path for path in sorted(root.glob("*.jsonl"))}


def _read(manifest: Path) -> Iterator[Utterance]:
    return read_manifest(manifest)


JSONL = corpus_of("jsonl", _parts, _read)
