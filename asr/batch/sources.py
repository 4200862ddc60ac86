"""Rows of a corpus: a manifest, a folder of recordings, or an address of either."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path, PurePosixPath

from asr.audio.io import AUDIO_EXTENSIONS, find_audio
from asr.batch.storage import copy_from, files_below, is_address
from asr.corpora import corpus as known
from asr.corpora import detect, only_subset
from asr.corpora.base import Row
from asr.data.manifest import Utterance, manifest_rows
from asr.data.text_files import DamagedRow
from asr.errors import DataError

_MANIFEST = (".jsonl", ".jsonl.gz", ".jsonl.xz")

Rows = Callable[[], Iterator[Row]]
"""Reads a corpus from its start, in a fixed order."""


def recordings(place: str) -> Rows:
    """Return the rows of a manifest, or of all recordings below a folder.

    Args:
        place: Path or address. A folder must not change meanwhile. The names of its
            files are held in memory; the rows of a manifest are not.
    """
    if place.endswith(_MANIFEST):
        return manifest(place)
    if not is_address(place):
        return lambda: (Utterance(path, None) for path in find_audio(place))

    def listed() -> Iterator[Row]:
        for address in files_below(place):
            path = PurePosixPath(address)
            if path.suffix.lower() in AUDIO_EXTENSIONS and path.name[0] != ".":
                yield Utterance(Path(address), None)

    return listed


def manifest(place: str) -> Rows:
    """Return the rows of a manifest; its paths are relative to its folder or address.

    Args:
        place: Path or address.
    """
    if not is_address(place):
        return lambda: manifest_rows(Path(place))
    folder, _, name = place.rpartition("/")

    def copied() -> Iterator[Row]:
        with tempfile.TemporaryDirectory() as temporary:
            path = Path(temporary, name)
            copy_from(place, path)
            yield from manifest_rows(path, Path(folder))

    return copied


def corpus_rows(place: str, corpus: str | None, subset: str | None) -> Rows:
    """Return the rows of a manifest, or of a subset of a corpus.

    Args:
        place: Folder of the corpus, or path or address of a manifest.
        corpus: Kind of corpus; None to detect it.
        subset: Name of the subset; None if there is only one.

    Raises:
        UsageError: There are several subsets, and none is named.
        DataError: There is no corpus of a known kind.
    """
    if is_address(place):
        return manifest(place)
    root = Path(place)
    name = corpus or detect(root)
    chosen = only_subset(name, root) if subset is None else subset
    return lambda: known(name).rows(root, chosen)


def usable(rows: Iterable[Row], damaged: Callable[[DamagedRow], object]) -> Iterator:
    """Yield the utterances of some rows; call `damaged` with each other row."""
    for row in rows:
        if isinstance(row, DamagedRow):
            damaged(row)
        else:
            yield row


def measure(rows: Iterable[Row], seconds: Callable[[Utterance], float]) -> float:
    """Return the length of a corpus.

    Args:
        rows: The corpus.
        seconds: Length of a row.

    Raises:
        DataError: It has no usable row.
    """
    total, count, problem = 0.0, 0, "no recordings here"
    for row in rows:
        if isinstance(row, DamagedRow):
            problem = str(row)
        else:
            total, count = total + seconds(row), count + 1
    if not count:
        raise DataError(problem)
    return total
