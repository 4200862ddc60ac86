"""Pages of Ogg files: joined streams, and files that were cut off.

Reference:
    RFC 3533, The Ogg Encapsulation Format Version 0, section 6.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import BinaryIO

from asr.audio.pieces import Part, Structure, read_at, size_of

_MARK = b"OggS"
_HEADER = 27  # bytes before the table of segments
_FIRST, _LAST = 2, 4  # flags of the first and last page of a stream
_SEARCHED = 1 << 16


def ogg_structure(file: BinaryIO) -> Structure:
    """Find the streams that are joined end to end in an Ogg file."""
    size = size_of(file)
    starts: list[int] = []
    flags = _FIRST
    open_streams: set[int] = set()
    end = 0
    for position, page_end, page_flags, serial in _pages(file, size):
        # Pages that begin streams come together, before all others of a link.
        if page_flags & _FIRST and not (starts and flags & _FIRST):
            starts.append(position)
            open_streams = set()
        if page_flags & _FIRST:
            open_streams.add(serial)
        if page_flags & _LAST:
            open_streams.discard(serial)
        flags, end = page_flags, page_end
    truncated = bool(open_streams) or end > size
    if len(starts) < 2:
        return Structure(truncated=truncated)
    spans = zip(starts, [*starts[1:], size], strict=True)
    return Structure(tuple(Part((span,)) for span in spans), truncated=truncated)


def _pages(file: BinaryIO, size: int) -> Iterator[tuple[int, int, int, int]]:
    """Yield start, end, flags and serial number of each page."""
    position = 0
    while position < size:
        header = read_at(file, position, _HEADER + 255)
        if len(header) < _HEADER or header[:4] != _MARK:
            found = _search(file, position + 1, size)
            if found is None:
                return
            position = found
            continue
        table = header[_HEADER : _HEADER + header[26]]
        end = position + _HEADER + header[26] + sum(table)
        yield position, end, header[5], int.from_bytes(header[14:18], "little")
        position = end


def _search(file: BinaryIO, position: int, size: int) -> int | None:
    """Return the position of the next page after damage."""
    while position < size:
        found = read_at(file, position, _SEARCHED).find(_MARK)
        if found >= 0:
            return position + found
        position += _SEARCHED - len(_MARK) + 1
    return None
