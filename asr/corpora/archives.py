"""Open an archive from the net without trusting it.

Only plain files and folders below the target come out, as many and as large as can be
expected, and all of them or none.
"""

from __future__ import annotations

import contextlib
import io
import lzma
import os
import stat
import tarfile
import tempfile
import zipfile
import zlib
from collections.abc import Callable, Generator, Iterator
from functools import partial
from pathlib import Path, PurePosixPath
from typing import IO, NamedTuple

from asr.corpora.download import STORAGE
from asr.errors import DataError, OutputError

MOST_BYTES = 400 * 10**9
"""Total size of what may come out of one archive; the largest corpus has 120 GB."""

MOST_FILES = 5_000_000

_RATIO = 200  # bytes that come out for each one that goes in; speech has 2 or 3
_FREE = 100 * 10**6  # bytes that may come out of however small an archive
_BLOCK = 1 << 20
_DAMAGED = (
    tarfile.TarError,
    zipfile.BadZipFile,
    zlib.error,
    lzma.LZMAError,
    EOFError,
    NotImplementedError,
    ValueError,
)


class _Member(NamedTuple):
    """An entry: its name, whether it is a folder or a plain file, size and content."""

    name: str
    folder: bool
    file: bool
    size: int
    open: Callable[[], IO[bytes] | None]


def extract(path: Path, folder: Path, *, strip: int = 0) -> list[Path]:
    """Unpack a tar or zip archive.

    All goes into a folder beside the target first and is moved when it is whole. Files
    that are there already stay as they are.

    Args:
        path: The archive.
        folder: Where its content goes; made if missing.
        strip: Folders left off the front of each name; what has no more is left out.

    Returns:
        The files, in the order of the archive.

    Raises:
        DataError: It is no such archive, is damaged, or holds what none should: a name
            outside of the folder, a link, a device, a name twice, or too much.
        OutputError: The files cannot be written, or a folder of their name is there.
    """
    most = min(MOST_BYTES, max(_FREE, _RATIO * path.stat().st_size))
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with (
            tempfile.TemporaryDirectory(prefix=".asr-", dir=folder) as name,
            contextlib.closing(_members(path)) as members,
        ):
            names = _unpack(path, members, Path(name), most, strip)
            _move(Path(name), folder)
    except _DAMAGED as error:
        raise DataError(f"{path}: damaged, or no archive ({error})") from error
    except OSError as error:
        if error.filename is None and error.errno not in STORAGE:  # of decompression
            raise DataError(f"{path}: damaged ({error})") from error
        where = error.filename or folder
        raise OutputError(f"{where}: {error.strerror}") from error
    return [folder / name for name in names]


def _unpack(
    path: Path, members: Iterator[_Member], folder: Path, most: int, strip: int
) -> list[str]:
    names: dict[str, str] = {}  # casefolded: some file systems take A for a
    left = most
    for member in _bounded(members, path, most):
        name = _safe(member, path, strip)
        if name.casefold() in names:
            raise DataError(f"{path}: holds {name!r} twice")
        try:
            if member.folder:
                (folder / name).mkdir(parents=True, exist_ok=True)
            elif name:
                names[name.casefold()] = name
                left -= _write(member, folder / name, left)
        except (FileExistsError, NotADirectoryError, IsADirectoryError):
            raise DataError(f"{path}: holds {name!r} as file and as folder") from None
        if left < 0:
            raise DataError(f"{path}: more than {most:,} bytes come out of it")
        if len(names) > MOST_FILES:
            raise DataError(f"{path}: holds more than {MOST_FILES:,} files")
    return list(names.values())


def _bounded(members: Iterator[_Member], path: Path, most: int) -> Iterator[_Member]:
    """Yield entries, those that nothing comes of too, unless they are too many."""
    for count, member in enumerate(members):
        if count == 2 * MOST_FILES:
            raise DataError(f"{path}: holds more than {count:,} entries")
        if member.size > most:
            raise DataError(f"{path}: more than {most:,} bytes come out of it")
        yield member


def _write(member: _Member, target: Path, most: int) -> int:
    """Write a file, hardly more of it than allowed, and return its bytes."""
    target.parent.mkdir(parents=True, exist_ok=True)
    content, size = member.open(), 0
    with content or io.BytesIO(), target.open("xb") as file:
        while content and size <= most and (block := content.read(_BLOCK)):
            size += file.write(block)
    return size


def _safe(member: _Member, path: Path, strip: int) -> str:
    """Return the name of a member below the target, empty where it has none.

    Raises:
        DataError: It is not one that an archive of recordings has.
    """
    name = PurePosixPath(member.name)
    nameless = not name.parts and not member.folder
    if name.is_absolute() or ".." in name.parts or nameless:
        raise DataError(f"{path}: holds {member.name!r}, outside of its folder")
    if any(mark in member.name for mark in ("\\", "\0", ":")):
        raise DataError(f"{path}: holds a strange name, {member.name!r}")
    if not (member.file or member.folder):
        raise DataError(f"{path}: holds {member.name!r}, a link or device")
    return "/".join(name.parts[strip:])


def _members(path: Path) -> Generator[_Member, None, None]:
    return _zip(path) if zipfile.is_zipfile(path) else _tar(path)


def _tar(path: Path) -> Generator[_Member, None, None]:
    # A stream, since seeking back in a compressed file means to read it again.
    with tarfile.open(path, "r|*") as archive:
        for info in archive:
            file = info.isreg() and not info.issparse()
            read = partial(archive.extractfile, info)
            yield _Member(info.name, info.isdir(), file, info.size, read)


def _zip(path: Path) -> Generator[_Member, None, None]:
    with zipfile.ZipFile(path) as archive:
        for info in archive.infolist():
            kind = stat.S_IFMT(info.external_attr >> 16)
            if info.flag_bits & 1:
                raise DataError(f"{path}: is encrypted")
            folder = info.is_dir() and kind in (0, stat.S_IFDIR)
            file = not info.is_dir() and kind in (0, stat.S_IFREG)
            read = partial(archive.open, info)
            yield _Member(info.filename, folder, file, info.file_size, read)


def _move(source: Path, target: Path) -> None:
    """Move a tree into another one by renaming what is not there yet."""
    pairs = list(_renames(source, target))
    for one, other in pairs:
        one.replace(other)


def _renames(source: Path, target: Path) -> Iterator[tuple[Path, Path]]:
    for entry in sorted(source.iterdir()):
        other = target / entry.name
        if not os.path.lexists(other):
            yield entry, other
        elif entry.is_dir() and other.is_dir() and not other.is_symlink():
            yield from _renames(entry, other)
        elif entry.is_dir() or other.is_dir():
            raise OutputError(f"{other}: is there already, and is no such thing")
