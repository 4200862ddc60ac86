"""Weights as NumPy arrays by name, in archives of the format of `np.savez`."""

from __future__ import annotations

import io
import lzma
import mmap
import struct
import tokenize
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import IO

import numpy as np

from asr.errors import ModelError

LARGEST_WEIGHTS = 4_000_000_000  # bytes
_MOST_PACKED = 20  # times the size of a file; n-grams of words have 3
_FREE = 50_000_000  # bytes that any file may unpack to
_ALIGNMENT = 64  # bytes
UNREADABLE = (
    OSError,
    ValueError,
    EOFError,
    KeyError,
    RuntimeError,
    MemoryError,
    zipfile.BadZipFile,
    zlib.error,
    lzma.LZMAError,
    tokenize.TokenError,
)
"""Errors of zipfile and NumPy for damaged, encrypted or pickled archives."""


def read_arrays(path: Path) -> dict[str, np.ndarray]:
    """Read the arrays of a weights file by path; pickled arrays are refused.

    Raises:
        ModelError: The file is damaged, or too large when unpacked.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            check_size(path, archive)
        with np.load(path, allow_pickle=False) as stored:
            return {name: np.asarray(stored[name]) for name in stored.files}
    except UNREADABLE as error:
        raise ModelError(f"{path}: not a readable weights file: {error}") from error


def check_numbers(arrays: Mapping[str, np.ndarray], path: Path) -> None:
    """Check that all arrays of a file hold finite numbers of single precision.

    Raises:
        ModelError: An array does not.
    """
    for name, array in arrays.items():
        if array.dtype.kind not in "fiu":
            raise ModelError(f"{path}: {name} must hold numbers, got {array.dtype}")
        if array.dtype.itemsize > 4:  # the network computes in single precision
            with np.errstate(over="ignore"):
                array = array.astype("float32")
        if not _finite(array):
            raise ModelError(f"{path}: {name} holds values that are not finite numbers")


def _finite(array: np.ndarray) -> bool:
    """Tell whether all are finite; half precision by its bits, 4 times as fast."""
    if array.dtype != np.float16:
        return bool(np.all(np.isfinite(array)))
    exponents = np.asarray(array).view(np.uint16) & 0x7C00
    return not np.any(exponents == 0x7C00)


def check_size(
    path: Path, archive: zipfile.ZipFile, largest: int | None = None
) -> None:
    """Check the size of an archive, and of what it unpacks to.

    Args:
        path: The archive.
        archive: The same, open.
        largest: Limit in bytes; by default that of models.

    Raises:
        ValueError: It is too large, or a member has no name.
    """
    limit = max(_FREE, _MOST_PACKED * path.stat().st_size)
    limit = min(limit, LARGEST_WEIGHTS if largest is None else largest)
    if sum(member.file_size for member in archive.infolist()) > limit:
        raise ValueError(f"it unpacks to more than {limit:,} bytes")
    if not all(name.removesuffix(".npy") for name in archive.namelist()):
        raise ValueError("a member has no name")


def write_arrays(
    file: IO[bytes], arrays: Mapping[str, np.ndarray], packed: Callable[[str], bool]
) -> None:
    """Write arrays to an archive; `packed` names those to compress."""
    with zipfile.ZipFile(file, "w", allowZip64=True) as archive:
        for name, array in arrays.items():
            # A fixed date: the same arrays give the same bytes.
            member = zipfile.ZipInfo(f"{name}.npy")
            member.file_size = array.nbytes + _ALIGNMENT  # expected, for the format
            if packed(name):
                member.compress_type = zipfile.ZIP_DEFLATED
            else:
                # An extra field of zeros lets the content begin at a whole multiple.
                start = file.tell() + 30 + len(member.filename) + 4
                padding = -start % _ALIGNMENT
                member.extra = struct.pack("<HH", 0, padding) + bytes(padding)
            with archive.open(member, "w") as content:
                np.lib.format.write_array(content, array, allow_pickle=False)


class MappedArrays(Mapping[str, np.ndarray]):
    """Archive of arrays; those that are not compressed are memory-mapped.

    Compressed arrays are read when they are looked up. Pickled arrays are refused.

    Args:
        path: The archive.

    Raises:
        ModelError: The file is damaged.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            with path.open("rb") as file, zipfile.ZipFile(file) as archive:
                check_size(path, archive)
                self._members = {
                    member.filename.removesuffix(".npy"): member
                    for member in archive.infolist()
                }
                self._bytes = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
                self._views: dict[str, np.ndarray] = {}  # of mapped arrays, once used
        except UNREADABLE as error:
            raise ModelError(f"{path}: not a readable weights file: {error}") from error

    def __getitem__(self, name: str) -> np.ndarray:
        if name in self._views:
            return self._views[name]
        member = self._members[name]
        try:
            if member.compress_type != zipfile.ZIP_STORED:
                with np.load(self._path, allow_pickle=False) as stored:
                    return np.asarray(stored[name])
            self._views[name] = self._mapped(member)
            return self._views[name]
        except (*UNREADABLE, struct.error) as error:
            raise ModelError(
                f"{self._path}: not a readable weights file: {name}: {error}"
            ) from error

    def _mapped(self, member: zipfile.ZipInfo) -> np.ndarray:
        # A member's name and extra field stand between its header and its content.
        lengths = struct.unpack_from("<HH", self._bytes, member.header_offset + 26)
        start = member.header_offset + 30 + sum(lengths)
        with io.BytesIO(self._bytes[start : start + 1000]) as header:
            np.lib.format.read_magic(header)
            shape, fortran, dtype = np.lib.format.read_array_header_1_0(header)
            offset = start + header.tell()
        if fortran or dtype.hasobject:
            raise ValueError("an array that cannot be memory-mapped")
        count = int(np.prod(shape))
        if offset - start + count * dtype.itemsize != member.file_size:
            raise ValueError("cut off")
        return np.frombuffer(self._bytes, dtype, count, offset).reshape(shape)

    def release(self) -> None:
        """Give back the memory of what was read; it is read again when needed."""
        if hasattr(mmap, "MADV_DONTNEED"):  # not on Windows
            self._bytes.madvise(mmap.MADV_DONTNEED)

    def __iter__(self) -> Iterator[str]:
        return iter(self._members)

    def __len__(self) -> int:
        return len(self._members)
