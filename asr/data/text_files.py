"""Lines of text files and objects of JSON lines, with errors as `DataError`."""

from __future__ import annotations

import gzip
import json
import logging
import lzma
import re
import zlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from asr.errors import DataError, address_in, cannot_read
from asr.files import atomic_write

T = TypeVar("T")

_log = logging.getLogger(__name__)
_LONGEST_LINE = 100_000_000  # bytes
_SURROGATE = re.compile("[\ud800-\udfff]")
_NAMED = 3  # damaged rows that a warning names
_OPENERS: dict[str, Any] = {".gz": gzip.open, ".xz": lzma.open}


@dataclass(frozen=True)
class DamagedRow:
    """A row that cannot be used; the others of its file can.

    Args:
        place: File and line, or the name of the utterance.
        problem: What is wrong with it.
    """

    place: str
    problem: str

    def __str__(self) -> str:
        """Return the place and the problem."""
        return f"{self.place}: {self.problem}"


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
    for number, line in lenient_lines(path):
        if not is_utf8(line):
            raise DataError(f"{path}:{number}: not UTF-8; convert the file")
        yield number, line


def lenient_lines(path: Path) -> Iterator[tuple[int, str]]:
    """Read lines as `text_lines`; bytes that are not UTF-8 become surrogates.

    Raises:
        DataError: The file is missing or cannot be read.
    """
    try:
        with _OPENERS.get(path.suffix, open)(path, "rb") as file:
            lines = iter(partial(file.readline, _LONGEST_LINE + 1), b"")
            for number, raw in enumerate(lines, 1):
                if len(raw) > _LONGEST_LINE:
                    size = f"{_LONGEST_LINE:,} bytes"
                    raise DataError(f"{path}:{number}: a line of more than {size}")
                coding = "utf-8-sig" if number == 1 else "utf-8"
                yield number, raw.decode(coding, "surrogateescape").rstrip("\r\n")
    except (OSError, EOFError, zlib.error, lzma.LZMAError) as error:
        reason = getattr(error, "strerror", None) or f"damaged archive: {error}"
        if address_in(path):
            raise DataError(cannot_read(path, reason)) from error
        raise DataError(f"cannot read {path}: {reason}") from error


def is_utf8(line: str) -> bool:
    """Return whether a line of `lenient_lines` has no surrogates."""
    return line.isascii() or not _SURROGATE.search(line)


def parsed_rows(
    path: Path, parse: Callable[[str], Iterable[T | DamagedRow]]
) -> Iterator[T | DamagedRow]:
    """Parse a file line by line; blank lines are ignored.

    Args:
        path: The file.
        parse: Function from a line to its entries; a ValueError, KeyError, TypeError
            or AttributeError tells that the line is damaged.

    Raises:
        DataError: The file is missing or cannot be read.
    """
    for number, line in lenient_lines(path):
        if line.strip():
            try:
                if not is_utf8(line):
                    raise ValueError("not UTF-8")
                yield from parse(line)
            except (ValueError, KeyError, TypeError, AttributeError) as error:
                missing = isinstance(error, KeyError)
                problem = f"no {error.args[0]!r}" if missing else str(error)
                yield DamagedRow(f"{path}:{number}", problem)


def usable(rows: Iterable[T | DamagedRow]) -> Iterator[T]:
    """Pass on the rows that can be used; one warning counts and names the others.

    Raises:
        DataError: There are damaged rows only.
    """
    given, damaged, count = False, [], 0
    try:
        for row in rows:
            if isinstance(row, DamagedRow):
                count += 1
                damaged += [str(row)] if count <= _NAMED else []
            else:
                given = True
                yield row
    finally:
        if count and given:
            more = ["..."] if count > _NAMED else []
            named = "; ".join([*damaged, *more])
            _log.warning("left out %d damaged rows: %s", count, named)
    if count and not given:
        raise DataError(damaged[0])


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


def json_line(entry: dict[str, Any]) -> str:
    """Return an object as a line of JSON, with its newline."""
    return json.dumps(entry, ensure_ascii=False) + "\n"


def write_json_lines(path: str | Path, entries: Iterable[dict[str, Any]]) -> int:
    """Write one JSON object a line, or no file; return the number of objects.

    Raises:
        OutputError: The file cannot be written.
    """
    number = 0
    with atomic_write(path) as file:
        for entry in entries:
            file.write(json_line(entry))
            number += 1
    return number
