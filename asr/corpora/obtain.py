"""A corpus from the net: what of it is missing is fetched and unpacked."""

from __future__ import annotations

import csv
import urllib.parse
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING, NamedTuple

from asr.corpora import corpus as known
from asr.corpora.archives import extract
from asr.corpora.download import Archive, fetch_all
from asr.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from asr.corpora.download import Progress

ARCHIVES = "archives"
"""Folder, below the corpus's, of archives that are not unpacked yet."""

_OPENSLR = "www.openslr.org"
_MIRRORS = ("us.openslr.org", "openslr.elda.org")


class Source(NamedTuple):
    """An archive of a corpus.

    Attributes:
        archive: Where it is, and what it must be.
        strip: Folders at the front of names in it that are left off.
    """

    archive: Archive
    strip: int


@cache
def sources(corpus: str) -> dict[str, Source]:
    """Return the archives of a corpus by subset; `-` stands for all of them."""
    table = resources.files("asr.corpora") / "archives.tsv"
    lines = table.read_text(encoding="utf-8").splitlines()
    rows = csv.DictReader((x for x in lines if x[0] != "#"), delimiter="\t")
    return {
        row["subset"]: Source(_archive(row), int(row["strip"]))
        for row in rows
        if row["corpus"] == corpus
    }


def _archive(row: dict[str, str]) -> Archive:
    url = row["address"]
    mirrors: tuple[str, ...] = ()
    if urllib.parse.urlsplit(url).netloc == _OPENSLR:
        mirrors = tuple(url.replace(_OPENSLR, host) for host in _MIRRORS)
    size = 0 if row["bytes"] == "-" else int(row["bytes"])
    checksum = "" if row["checksum"] == "-" else row["checksum"]
    return Archive(url, size, checksum, mirrors)


def missing(corpus: str, root: Path, subsets: Sequence[str] = ()) -> list[Source]:
    """Return what has to be fetched for subsets to be there.

    Args:
        corpus: A key of `CORPORA`.
        root: The corpus's folder; it may be missing.
        subsets: Which are wanted; all if none is named.

    Raises:
        UsageError: There is no such corpus or subset on the net.
    """
    online = sources(corpus)
    if not online:
        raise UsageError(f"{corpus}: no address to download it from")
    there = known(corpus).subsets(root) if root.exists() else []
    if "-" in online:
        return [] if there else [online["-"]]
    for subset in subsets:
        if subset not in online and subset not in there:
            names = ", ".join(online)
            raise UsageError(f"{corpus}: no subset {subset!r}; it has {names}")
    wanted = dict.fromkeys(subsets or online)
    return [online[subset] for subset in wanted if subset not in there]


def obtain(
    wanted: Sequence[Source],
    root: Path,
    *,
    verify: bool = True,
    progress: Progress = lambda _: None,
) -> None:
    """Fetch archives and unpack them; each is removed when it is unpacked.

    Args:
        wanted: What `missing` returned.
        root: The corpus's folder; made if missing.
        verify: Whether archives without a known checksum are refused.
        progress: Told of bytes as they come.

    Raises:
        DataError: An archive cannot be fetched, or is not what it should be.
        OutputError: There is no room for it, or the folder cannot be written.
    """
    folder = root / ARCHIVES
    archives = [source.archive for source in wanted]
    try:
        # Each is unpacked while others are still on their way.
        paths = fetch_all(archives, folder, verify=verify, progress=progress)
        for path, source in zip(paths, wanted, strict=True):
            extract(path, root, strip=source.strip)
            path.unlink()
    finally:
        if folder.exists() and not any(folder.iterdir()):
            folder.rmdir()
