"""Pages of Ogg files: joined streams, and files that were cut off.

Reference:
    RFC 3533, The Ogg Encapsulation Format Version 0, section 6.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from typing import BinaryIO, NamedTuple

from asr.audio.pieces import Part, Structure, read_at, size_of

_MARK = b"OggS"
_HEADER = 27  # bytes before the table of segments
_FIRST, _LAST = 2, 4  # flags of the first and last page of a stream
_SEARCHED = 1 << 16
_REVERSED = bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256))


class _Page(NamedTuple):
    start: int
    end: int
    flags: int
    stream: int
    sequence: int


def ogg_structure(file: BinaryIO) -> Structure:
    """Find the streams that are joined end to end in an Ogg file.

    A stream with missing or damaged pages is decoded to count its samples.
    """
    size = size_of(file)
    starts: list[int] = []
    damaged: set[int] = set()  # numbers of the joined streams
    numbers: dict[int, int] = {}  # of the next page of each open stream
    flags = _FIRST
    for page in _pages(file, size):
        # Pages that begin streams come together, before all others of a link.
        if page.flags & _FIRST and not (starts and flags & _FIRST):
            starts.append(page.start)
            numbers = {}
        if not page.flags & _FIRST and page.sequence != numbers.get(page.stream):
            damaged.add(len(starts) - 1)
        numbers[page.stream] = page.sequence + 1
        if page.flags & _LAST:
            del numbers[page.stream]
        flags = page.flags
    if not starts:
        return Structure()
    spans = list(zip(starts, [*starts[1:], size], strict=True))
    alone = len(spans) == 1
    parts = [
        Part(() if alone else (span,), count=number in damaged)
        for number, span in enumerate(spans)
    ]
    return Structure(tuple(parts), truncated=bool(numbers), damaged=bool(damaged))


def _pages(file: BinaryIO, size: int) -> Iterator[_Page]:
    """Yield the pages that are whole."""
    position = 0
    while position < size:
        header = read_at(file, position, _HEADER + 255)
        end = position
        if len(header) >= _HEADER and header[:4] == _MARK:
            table = header[_HEADER : _HEADER + header[26]]
            end = position + _HEADER + header[26] + sum(table)
        content = read_at(file, position, end - position)
        if end == position or end > size or not _checked(content):
            found = _search(file, position + 1, size)
            if found is None:
                return
            position = found
            continue
        numbers = (int.from_bytes(header[i : i + 4], "little") for i in (14, 18))
        yield _Page(position, end, header[5], *numbers)
        position = end


def _checked(page: bytes) -> bool:
    """Return whether the checksum of a page is right.

    It is that of zlib with the bits of each byte in the other order, from 0.
    """
    content = page[:22] + bytes(4) + page[26:]
    crc = zlib.crc32(content.translate(_REVERSED), 0xFFFFFFFF) ^ 0xFFFFFFFF
    return crc.to_bytes(4, "little").translate(_REVERSED) == page[22:26][::-1]


def _search(file: BinaryIO, position: int, size: int) -> int | None:
    """Return the position of the next page after damage."""
    while position < size:
        found = read_at(file, position, _SEARCHED).find(_MARK)
        if found >= 0:
            return position + found
        position += _SEARCHED - len(_MARK) + 1
    return None
