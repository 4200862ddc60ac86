"""Parts of a file, read as files of their own: what decoders do not see by themselves.

A decoder believes the header, and stops where the first of several joined recordings
ends. `Part` names the bytes of one recording, with a header that is right.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import BinaryIO, NamedTuple

Piece = bytes | tuple[int, int]
"""Bytes, or the first and the last position (exclusive) of bytes of a file."""


@dataclass(frozen=True)
class Part:
    """One of the recordings in a file.

    Args:
        pieces: Its bytes, in order; empty for the whole file as it is.
        frames: Samples per channel; None for the number that the decoder gives.
        count: The decoder gives no number to rely on: decode to count.
    """

    pieces: tuple[Piece, ...] = ()
    frames: int | None = None
    count: bool = False


class Structure(NamedTuple):
    """Recordings that a file holds, as its bytes show.

    Args:
        parts: The recordings, in order.
        share: Length by the header for each second that is there; None if the header
            gives none.
        truncated: The file ends too early.
        frames: Samples per channel by the header, if it gives a number of them.
        unknown: The header says that it gives no length.
        damaged: Something is missing in the middle.
    """

    parts: tuple[Part, ...] = (Part(),)
    share: float | None = None
    truncated: bool = False
    frames: int | None = None
    unknown: bool = False
    damaged: bool = False


class Pieces(io.RawIOBase):
    """Read-only file of pieces of another.

    Args:
        file: Seekable binary file.
        pieces: Bytes, and ranges of `file`.
    """

    def __init__(self, file: BinaryIO, pieces: Sequence[Piece]) -> None:
        super().__init__()
        self._file = file
        self._position = 0
        self._spans: list[tuple[int, int, Piece]] = []
        end = 0
        for piece in pieces:
            start = end
            end += len(piece) if isinstance(piece, bytes) else piece[1] - piece[0]
            self._spans.append((start, end, piece))
        self._size = end
        self._current = 0

    def readable(self) -> bool:
        """Return True."""
        return True

    def seekable(self) -> bool:
        """Return True."""
        return True

    def tell(self) -> int:
        """Return the position in bytes."""
        return self._position

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Set the position, relative to the start, the position or the end."""
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self._size}
        self._position = max(0, base[whence] + offset)
        return self._position

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        """Fill the buffer; return the number of bytes, 0 at the end."""
        view = memoryview(buffer).cast("B")
        done = 0
        while done < len(view) and self._position < self._size:
            start, end, piece = self._span()
            count = min(end - self._position, len(view) - done)
            if isinstance(piece, bytes):
                offset = self._position - start
                data = piece[offset : offset + count]
            else:
                self._file.seek(piece[0] + self._position - start)
                data = self._file.read(count)
            if not data:
                break
            view[done : done + len(data)] = data
            done += len(data)
            self._position += len(data)
        return done

    def _span(self) -> tuple[int, int, Piece]:
        """Return the span at the position; readers mostly go forward."""
        if self._spans[self._current][0] > self._position:
            self._current = 0
        while self._spans[self._current][1] <= self._position:
            self._current += 1
        return self._spans[self._current]


def size_of(file: BinaryIO) -> int:
    """Return the length of a file in bytes."""
    return file.seek(0, io.SEEK_END)


def read_at(file: BinaryIO, position: int, count: int) -> bytes:
    """Read bytes at a position."""
    file.seek(position)
    return file.read(count)
