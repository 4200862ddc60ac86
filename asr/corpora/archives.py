"""Safe extraction of downloaded tar and zip archives.

`tarfile.data_filter` keeps all names below the target folder. The checks here add: no
links, no name twice, a bounded size, and either all files or none.
"""

from __future__ import annotations

import contextlib
import io
import lzma
import os
import shutil
import stat
import tarfile
import tempfile
import zipfile
import zlib
from collections.abc import Callable, Generator, Iterable, Iterator
from functools import partial
from pathlib import Path, PurePosixPath
from typing import IO

from asr.corpora.download import STORAGE
from asr.errors import DataError, OutputError

MAX_BYTES = 400 * 10**9  # of content; the largest corpus has 120 GB
MAX_ENTRIES = 5_000_000
_MAX_RATIO = 200  # of unpacked to packed bytes; speech has 2 or 3
_SMALL = 100 * 10**6  # bytes; any archive may unpack to so many
_DAMAGED = (
    tarfile.TarError,
    zipfile.BadZipFile,
    zlib.error,
    lzma.LZMAError,
    EOFError,
    NotImplementedError,
    ValueError,
)

_Members = Generator[tuple[tarfile.TarInfo, Callable[[], IO[bytes] | None]], None, None]
"""Entries of an archive with functions that open their content."""


def extract(path: Path, folder: Path, *, strip: int = 0) -> list[Path]:
    """Unpack a tar or zip archive; files that exist already are kept.

    Files are unpacked into a temporary folder, then moved when all are complete.

    Args:
        path: The archive.
        folder: Target folder; created if missing.
        strip: Number of leading folders removed from names; shorter names are skipped.

    Returns:
        The files, in the order of the archive.

    Raises:
        DataError: The archive is damaged, or holds an unsafe name, a link, a device, a
            name twice, or too much.
        OutputError: A file cannot be written, or a folder of its name exists.
    """
    limit = min(MAX_BYTES, max(_SMALL, _MAX_RATIO * path.stat().st_size))
    members = _zip(path) if zipfile.is_zipfile(path) else _tar(path)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with (
            tempfile.TemporaryDirectory(prefix=".asr-", dir=folder) as name,
            contextlib.closing(members),
        ):
            names = _unpack(path, members, Path(name), limit, strip)
            # All conflicts are found before the first file moves.
            for source, target in list(_moves(Path(name), folder)):
                source.replace(target)
    except _DAMAGED as error:
        raise DataError(f"{path}: damaged, or not an archive ({error})") from error
    except OSError as error:
        # Decompression errors name neither a file nor a fault of the disk.
        if error.filename is None and error.errno not in STORAGE:
            raise DataError(f"{path}: damaged ({error})") from error
        where = error.filename or folder
        raise OutputError(f"{where}: {error.strerror}") from error
    return [folder / name for name in names]


def _unpack(
    path: Path, members: _Members, folder: Path, limit: int, strip: int
) -> Iterable[str]:
    names: dict[str, str] = {}  # by casefolded name: some file systems ignore case
    remaining = limit
    for count, (info, open_content) in enumerate(members):
        if count == MAX_ENTRIES:
            raise DataError(f"{path}: holds more than {count:,} entries")
        # Neither format yields more bytes of an entry than its header announces.
        if not 0 <= info.size <= remaining:
            raise DataError(f"{path}: holds more than {limit:,} bytes")
        remaining -= info.size
        name = _safe_name(info, path, folder, strip)
        if name.casefold() in names:
            raise DataError(f"{path}: holds {name!r} twice")
        try:
            if info.isdir():
                (folder / name).mkdir(parents=True, exist_ok=True)
            elif name:
                names[name.casefold()] = name
                _write(open_content() or io.BytesIO(), folder / name)
        except (FileExistsError, NotADirectoryError, IsADirectoryError):
            raise DataError(f"{path}: holds {name!r} as file and as folder") from None
    return names.values()


def _write(content: IO[bytes], target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    with content, target.open("xb") as file:
        shutil.copyfileobj(content, file)


def _safe_name(info: tarfile.TarInfo, path: Path, folder: Path, strip: int) -> str:
    """Return the name of an entry below the target, `""` if stripping removes it."""
    parts = PurePosixPath(info.name).parts
    nameless = not parts and not info.isdir()
    if nameless or info.name.startswith("/") or set(info.name) & set("\\:\0"):
        raise DataError(f"{path}: holds an unsafe name, {info.name!r}")
    if info.issparse() or not (info.isreg() or info.isdir()):
        raise DataError(f"{path}: holds {info.name!r}, a link or device")
    name = "/".join(parts[strip:])
    if not hasattr(tarfile, "data_filter"):
        raise DataError(f"{path}: unpacking it needs Python 3.11.4 or newer")
    try:
        tarfile.data_filter(info.replace(name=name, deep=False), str(folder))
    except tarfile.FilterError as error:
        raise DataError(f"{path}: {error}") from error
    return name


def _tar(path: Path) -> _Members:
    # A stream, since seeking back in a compressed file decompresses it again.
    with tarfile.open(path, "r|*") as archive:
        for info in archive:
            yield info, partial(archive.extractfile, info)


def _zip(path: Path) -> _Members:
    with zipfile.ZipFile(path) as archive:
        for entry in archive.infolist():
            if entry.flag_bits & 1:
                raise DataError(f"{path}: is encrypted")
            info = tarfile.TarInfo(entry.filename)
            info.size = entry.file_size
            info.type = tarfile.DIRTYPE if entry.is_dir() else tarfile.REGTYPE
            regular = stat.S_IFDIR if entry.is_dir() else stat.S_IFREG
            if stat.S_IFMT(entry.external_attr >> 16) not in (0, regular):
                info.type = tarfile.SYMTYPE  # or any other special file
            yield info, partial(archive.open, entry)


def _moves(source: Path, target: Path) -> Iterator[tuple[Path, Path]]:
    """Yield the renames that merge a folder into another; existing files stay."""
    for entry in sorted(source.iterdir()):
        other = target / entry.name
        if not os.path.lexists(other):
            yield entry, other
        elif entry.is_dir() and other.is_dir() and not other.is_symlink():
            yield from _moves(entry, other)
        elif entry.is_dir() or other.is_dir():
            raise OutputError(f"{other}: exists, as file or as folder; remove it")
