"""Lines of text files and objects of JSON lines, with errors as `DataError`."""

from __future__ import annotations

import gzip
import json
import lzma
import zlib
from collections.abc import Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

from asr.errors import DataError, address_in, cannot_read
from asr.files import atomic_write

_LONGEST_LINE = 100_000_000  # bytes
_OPENERS: dict[str, Any] = {".gz": gzip.open, ".xz": lzma.open}


def text_lines(path: Path) -> Iterator[tuple[int, str]]:
    """Read a UTF-8 text file line by line.

    Args:
        path: The file, compressed if its name ends in `.gz` or `.xz`. A byte order
            mark at its start is ignored.

    Yields:
        The line's number, from 1, and the line without its end.

    Raises:
        DataError: The file is missing, cannot be read, or is not UTF-8.
    """
    number = 0
    try:
        with _OPENERS.get(path.suffix, open)(path, "rb") as file:
            lines = iter(partial(file.readline, _LONGEST_LINE + 1), b"")
            for number, raw in enumerate(lines, 1):
                if len(raw) > _LONGEST_LINE:
                    size = f"{_LONGEST_LINE:,} bytes"
                    raise DataError(f"{path}:{number}: a line of more than {size}")
                line = raw.decode("utf-8-sig" if number == 1 else "utf-8")
                yield number, line.rstrip("\r\n")
    except UnicodeDecodeError as error:
        raise DataError(f"{path}:{number}: not UTF-8; convert the file") from error
    except (OSError, EOFError, zlib.error, lzma.LZMAError) as error:
        reason = getattr(error, "strerror", None) or f"damaged archive: {error}"
        if address_in(path):
            raise DataError(cannot_read(path, reason)) from error
        raise DataError(f"cannot read {path}: {reason}") from error


def parse_json_object(line: str) -> dict[str, Any]:
    """Parse a line that holds a JSON object.

    Raises:
        ValueError: The line is not a JSON object, or is nested too deeply.
    """
    try:
        entry = json.loads(line)
    except json.JSONDecodeError as error:
        raise ValueError(
            f"not JSON ({error.msg}, column {error.colno}); write one object a line"
        ) from error
    except RecursionError:
        raise ValueError("JSON is nested too deeply") from None
    if not isinstance(entry, dict):
        raise ValueError("not a JSON object; write one object a line")
    return entry


def write_json_lines(path: str | Path, entries: Iterable[dict[str, Any]]) -> int:
    """Write one JSON object a line, or no file; return the number of objects.

    Raises:
        OutputError: The file cannot be written.
    """
    number = 0
    with atomic_write(path) as file:
        for entry in entries:
            file.write(json.dumps(entry, ensure_ascii=False) + "\n")
            number += 1
    return number
