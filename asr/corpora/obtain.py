"""Download of the missing parts of a corpus."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from contextlib import suppress
from functools import cache
from importlib import resources
from pathlib import Path
from typing import NamedTuple

from asr.corpora import corpus as known
from asr.corpora.archives import extract
from asr.corpora.download import Archive, Progress, fetch_all
from asr.errors import UsageError
from asr.files import is_there

_OPENSLR = "www.openslr.org"
_MIRRORS = ("us.openslr.org", "openslr.elda.org")


class Source(NamedTuple):
    """An archive of a corpus.

    Attributes:
        archive: The file to download.
        strip: Number of leading folders removed from names in it.
    """

    archive: Archive
    strip: int


@cache
def sources(corpus: str) -> dict[str, Source]:
    """Return subset -> archive of a corpus; the key `-` stands for all subsets."""
    table = resources.files("asr.corpora") / "archives.tsv"
    lines = table.read_text(encoding="utf-8").splitlines()
    rows = csv.DictReader((x for x in lines if x[0] != "#"), delimiter="\t")
    found = {}
    for row in rows:
        if row["corpus"] == corpus:
            url, host = row["address"], f"https://{_OPENSLR}/"
            mirrors = _MIRRORS if url.startswith(host) else ()
            archive = Archive(
                url,
                int(row["bytes"].replace("-", "0")),
                row["checksum"].removeprefix("-"),
                tuple(url.replace(_OPENSLR, mirror) for mirror in mirrors),
            )
            found[row["subset"]] = Source(archive, int(row["strip"]))
    return found


def missing(corpus: str, root: Path, subsets: Sequence[str] = ()) -> list[Source]:
    """Return the archives of subsets that are not in the corpus folder.

    Args:
        corpus: A key of `CORPORA`.
        root: Folder of the corpus; it may be missing.
        subsets: Names of subsets; all if empty.

    Raises:
        UsageError: No such corpus or subset can be downloaded.
    """
    online = sources(corpus)
    if not online:
        raise UsageError(f"{corpus}: cannot be downloaded; no address is known")
    present = known(corpus).subsets(root) if is_there(root) else []
    if "-" in online:
        return [] if present else [online["-"]]
    for subset in subsets:
        if subset not in online and subset not in present:
            names = ", ".join(online)
            raise UsageError(f"{corpus}: no subset {subset!r}; it has {names}")
    wanted = dict.fromkeys(subsets or online)
    return [online[subset] for subset in wanted if subset not in present]


def obtain(
    wanted: Sequence[Source],
    root: Path,
    *,
    verify: bool = True,
    progress: Progress = lambda _: None,
) -> None:
    """Fetch and unpack archives, and remove each when it is unpacked.

    Args:
        wanted: Archives of `missing`.
        root: Folder of the corpus; created if missing.
        verify: Refuse archives without a known checksum.
        progress: Called with the number of new bytes.

    Raises:
        DataError: An archive cannot be fetched, or does not match its checksum.
        OutputError: The disk is full, or the folder cannot be written.
    """
    folder = root / "archives"  # until they are unpacked
    archives = [source.archive for source in wanted]
    try:
        # Each is unpacked while others are still downloading.
        paths = fetch_all(archives, folder, verify=verify, progress=progress)
        for path, source in zip(paths, wanted, strict=True):
            extract(path, root, strip=source.strip)
            path.unlink()
    finally:
        for empty in (folder, root):  # a failed download leaves no empty folder
            with suppress(OSError):
                empty.rmdir()
