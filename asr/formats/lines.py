"""Lines of transcript files, with their numbers for error messages."""

from __future__ import annotations

import gzip
import lzma
import zlib
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

from asr.errors import DataError, cannot_read

_LONGEST_LINE = 50_000_000  # bytes; a device without line ends would fill the memory
_OPENERS: dict[str, Any] = {".gz": gzip.open, ".xz": lzma.open}


class Line(NamedTuple):
    """Line of a file.

    Attributes:
        number: Line number, from 1.
        text: Line without surrounding white space.
        file: Path of the file, for error messages.
    """

    number: int
    text: str
    file: Path

    def error(self, wrong: str) -> DataError:
        """Create an error that names this line."""
        return DataError(f"{self.file}:{self.number}: {wrong}")


def read_lines(path: Path) -> list[Line]:
    """Read all lines but blank ones and comments, which begin with `;;` as in NIST's.

    Files whose names end in `.gz` or `.xz` are compressed.

    Raises:
        DataError: The file cannot be read, or is no UTF-8 text.
    """
    return [line for line in all_lines(path) if line.text and line.text[:2] != ";;"]


def all_lines(path: Path) -> list[Line]:
    """Read all lines; errors as in `read_lines`."""
    try:
        with _OPENERS.get(path.suffix, open)(path, "rb") as file:
            return _lines(file, path)
    except UnicodeDecodeError:
        raise DataError(f"{path}: not UTF-8 text; convert it to UTF-8") from None
    except (OSError, EOFError, zlib.error, lzma.LZMAError) as error:
        reason = getattr(error, "strerror", None) or f"damaged archive: {error}"
        text = f"cannot be read ({reason}); check the path"
        raise DataError(cannot_read(path, text)) from error


def _lines(file: BinaryIO, path: Path) -> list[Line]:
    lines: list[Line] = []
    # readline() splits at line feeds only, unlike str.splitlines().
    for number, raw in enumerate(iter(partial(file.readline, _LONGEST_LINE), b""), 1):
        if len(raw) == _LONGEST_LINE:
            size = f"{_LONGEST_LINE:,} bytes"
            raise DataError(f"{path}:{number}: a line of more than {size}; not a text")
        text = raw.decode("utf-8-sig" if number == 1 else "utf-8")
        if "\0" in text:
            raise DataError(f"{path}:{number}: holds NUL characters; not a text")
        # Some spreadsheets end lines as old Macs did.
        parts = text.rstrip("\r\n").split("\r")
        lines += [
            Line(len(lines) + i, part.strip(), path) for i, part in enumerate(parts, 1)
        ]
    return lines
