"""Headers that name a length: WAV, AIFF, AU, CAF, W64 and NIST Sphere.

A recorder that crashed leaves 0 there, a pipe leaves a very large number, and a file
that was cut off ends before. `cat a.wav b.wav` leaves two files in one.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from typing import BinaryIO, NamedTuple

from asr.audio.pieces import Part, Piece, Structure, read_at, size_of

_W64 = b"riff\x2e\x91\xcf\x11"
_CHUNK = re.compile(rb"[ -~]{4}")
_TRAILERS = (b"LIST", b"id3 ", b"ID3 ")
_WRAP = 1 << 32
_NEAR = 4096  # bytes


def _known(length: int) -> int | None:
    """Return a length in bytes, or None for what programs write into a pipe.

    FFmpeg writes -1, arecord 2^31, SoX and eSpeak NG 2^31 - 4096 (AIFF: 127 * 2^24).
    """
    marks = 127 << 24, 1 << 31, _WRAP
    piped = length >= 1 << 62 or any(abs(length - mark) <= _NEAR for mark in marks)
    return None if piped else length


class _Data(NamedTuple):
    """The samples of a file: position and length by its header, in bytes.

    `size` is None for an unknown length. `patch` is the position of the field with the
    length, and what stands for "to the end of the file"; None if libsndfile needs none.
    `order` is the byte order of chunks that may follow; empty if none follow.
    """

    start: int
    size: int | None
    patch: tuple[int, bytes] | None = None
    order: str = ""


def header_structure(file: BinaryIO) -> Structure:
    """Compare the length in the header of a file with what the file holds."""
    size = size_of(file)
    parts: list[Part] = []
    claimed = there = position = 0
    unknown = truncated = False
    while (data := _locate(file, position, size)) is not None:
        end = _end(file, data, size)
        following = _joined(file, position, end, size)
        stop = size if following is None else following
        parts.append(_part(file, data, (position, stop), end))
        if not claimed:
            unknown, claimed = data.size is None, data.size or 0
            truncated = bool(data.size and data.start + data.size > size)
        there += end - data.start
        if following is None:
            break
        position = following
    if not parts:
        return Structure()
    share = None if unknown or not there else claimed / there
    if truncated:  # tables of packets may tell of more than there is
        parts[0] = replace(parts[0], count=True)
    return Structure(tuple(parts), share, truncated, unknown=unknown)


def _end(file: BinaryIO, data: _Data, size: int) -> int:
    """Return where the samples end: by the header, if what follows confirms it."""
    if data.size is None or data.start + data.size >= size:
        return size
    end = data.start + data.size
    for place in (end + end % 2, end):
        head = read_at(file, place, 8)
        if any(head.startswith(mark) for mark in _MARKS) or head[:4] in _TRAILERS:
            return end
        if data.order and _CHUNK.match(head):
            length = int.from_bytes(head[4:], data.order)  # type: ignore[arg-type]
            if place + 8 + length <= size + 1:
                return end
    return size if size - end > 1 else end


def _part(file: BinaryIO, data: _Data, span: tuple[int, int], end: int) -> Part:
    """Return a part whose header names the length that is there."""
    start, stop = span
    trusted = data.size is not None and data.start + data.size == end
    if (trusted or data.patch is None) and start == 0 and stop >= size_of(file):
        return Part()
    if trusted or data.patch is None:
        return Part((span,))
    place, value = data.patch
    pieces: list[Piece] = [(start, place), value, (place + len(value), end)]
    return Part(tuple(pieces))


def _joined(file: BinaryIO, start: int, end: int, size: int) -> int | None:
    """Return where another file of the same kind begins, or None."""
    mark = read_at(file, start, 4)
    for place in (end, end + 1):
        if start < place < size and read_at(file, place, 4) == mark:
            return place
    return None


def _locate(file: BinaryIO, position: int, size: int) -> _Data | None:
    head = read_at(file, position, 32)
    for mark, locate in _MARKS.items():
        if head.startswith(mark):
            return locate(file, position, size)
    return None


def _chunks(
    file: BinaryIO, position: int, size: int, order: str
) -> Iterator[tuple[bytes, int, int]]:
    """Yield name, position of the content and length of each chunk."""
    while position + 8 <= size:
        head = read_at(file, position, 8)
        length = int.from_bytes(head[4:], order)  # type: ignore[arg-type]
        yield head[:4], position + 8, length
        position += 8 + length + length % 2


def _riff(file: BinaryIO, position: int, size: int) -> _Data | None:
    order = "big" if read_at(file, position, 4) == b"RIFX" else "little"
    long = None
    for name, start, length in _chunks(file, position + 12, size, order):
        if name == b"ds64":
            long = start + 8, int.from_bytes(read_at(file, start + 8, 8), "little")
        if name == b"data" and long and length == _WRAP - 1:
            to_end = (size - start).to_bytes(8, "little")
            return _Data(start, long[1], (long[0], to_end), order)
        if name == b"data":
            return _Data(start, _known(length), (start - 4, b"\xff" * 4), order)
    return None


def _aiff(file: BinaryIO, position: int, size: int) -> _Data | None:
    for name, start, length in _chunks(file, position + 12, size, "big"):
        if name == b"SSND":  # its content begins with an offset and a block size
            return _Data(start + 8, _known(max(0, length - 8)), order="big")
    return None


def _w64(file: BinaryIO, position: int, size: int) -> _Data | None:
    place = position + 40
    while place + 24 <= size:
        head = read_at(file, place, 24)
        length = int.from_bytes(head[16:], "little")
        if head[:4] == b"data":
            return _Data(place + 24, _known(max(0, length - 24)))
        place += max(24, length + -length % 8)
    return None


def _au(file: BinaryIO, position: int, _: int) -> _Data:
    order = "big" if read_at(file, position, 4) == b".snd" else "little"
    head = read_at(file, position + 4, 8)
    start, length = (
        int.from_bytes(field, order)  # type: ignore[arg-type]
        for field in (head[:4], head[4:])
    )
    return _Data(position + start, _known(length), (position + 8, b"\xff" * 4))


def _caf(file: BinaryIO, position: int, size: int) -> _Data | None:
    place = position + 8
    while place + 12 <= size:
        head = read_at(file, place, 12)
        length = int.from_bytes(head[4:], "big")
        if head[:4] == b"data":
            known = _known(max(0, length - 4))
            to_end = (size - place - 12).to_bytes(8, "big")
            return _Data(place + 16, known, (place + 4, to_end), "big")
        place += 12 + length
    return None


def _nist(file: BinaryIO, position: int, _: int) -> _Data | None:
    head = read_at(file, position, 1024)
    found = re.search(rb"sample_count -i (\d+)", head)
    width = re.search(rb"sample_n_bytes -(?:i|s\d+) (\d+)", head)
    channels = re.search(rb"channel_count -i (\d+)", head)
    start = re.match(rb"NIST_1A\s+(\d+)", head)
    if not (found and width and channels and start):
        return None
    length = int(found[1]) * int(width[1]) * int(channels[1])
    return _Data(position + int(start[1]), length)


_MARKS = {
    b"RIFF": _riff,
    b"RIFX": _riff,
    b"RF64": _riff,
    b"BW64": _riff,
    b"FORM": _aiff,
    _W64: _w64,
    b".snd": _au,
    b"dns.": _au,
    b"caff": _caf,
    b"NIST": _nist,
}
