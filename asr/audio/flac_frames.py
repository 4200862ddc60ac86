"""Frames of FLAC files: the samples that the last one reaches, and damage.

Reference:
    RFC 9639, Free Lossless Audio Codec, sections 8.2 and 9.1.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import pairwise
from typing import BinaryIO

from asr.audio.flac_checksums import are_right, crc8
from asr.audio.pieces import Part, Structure, read_at, size_of

_MARK_BYTES = 8  # the mark, and the header of STREAMINFO
_JOINED = re.compile(rb"fLaC[\x00\x80]\0\0\x22")
_SYNC = re.compile(rb"\xff[\xf8\xf9]")
_SEARCHED = 1 << 20
_LONGEST_GAP = 1 << 24  # samples
_OVERLAP = 32  # bytes of a frame's header, and more
_STREAMINFO = 42  # bytes up to its end
_LONGEST_FRAME = 1 << 22  # bytes
_TAIL = 1 << 18  # the last frame is shorter
_FIXED_BLOCK_SIZES = {1: 192, **{k: 576 << (k - 2) for k in range(2, 6)}}


def flac_structure(file: BinaryIO) -> Structure:
    """Find joined FLAC files, and whether their last frames end where headers say."""
    size = size_of(file)
    starts = list(_starts(file, size))
    if not starts:
        return Structure()
    spans = list(zip(starts, [*starts[1:], size], strict=True))
    parts = [_part(file, start, stop, alone=len(spans) == 1) for start, stop in spans]
    return Structure(tuple(parts), frames=_claimed(file, starts[0]) or None)


def is_intact(file: BinaryIO, part: Part) -> bool:
    """Return whether all frames of a part follow one another, with right checksums.

    Args:
        file: The file.
        part: The part of it: all of it, or one range of bytes.
    """
    start, stop = 0, size_of(file)
    for piece in part.pieces:
        start, stop = piece
    block = int.from_bytes(read_at(file, start + 8, 2), "big")
    position, held, sample = _first_frame(file, start), b"", 0
    while position < stop:
        chunk = held + read_at(file, position, min(_SEARCHED, stop - position))
        position += len(chunk) - len(held)
        frames = list(_following(chunk, block, sample))
        if not frames or frames[0][0]:
            return False
        places = [place for place, _ in frames]
        if position >= stop:
            places.append(len(chunk))
        if not are_right([chunk[first:last] for first, last in pairwise(places)]):
            return False
        held, sample = chunk[frames[-1][0] :], frames[-1][1]
        if len(held) > _LONGEST_FRAME:
            return False
    return True


def _first_frame(file: BinaryIO, start: int) -> int:
    """Return the position behind all metadata."""
    position, is_last = start + 4, False
    while not is_last:
        head = read_at(file, position, 4)
        is_last = len(head) < 4 or head[0] >= 0x80
        position += 4 + int.from_bytes(head[1:], "big")
    return position


def _following(chunk: bytes, block: int, sample: int) -> Iterator[tuple[int, int]]:
    """Yield place and first sample of frames, each of which goes on at the last."""
    for match in _SYNC.finditer(chunk):
        span = _frame_span(chunk[match.start() : match.start() + 20], block)
        if span is not None and span[0] == sample:
            yield match.start(), sample
            sample = span[1]


def after_damage(file: BinaryIO, part: Part, sample: int) -> tuple[Part, int] | None:
    """Find the first whole frame after damage.

    Args:
        file: The file.
        part: The part of it that is damaged.
        sample: Where decoding stopped, in samples from the start of the part.

    Returns:
        What is left of the part, and the sample at which it begins; or None.
    """
    start, stop = 0, size_of(file)
    for piece in part.pieces:
        if not isinstance(piece, bytes):
            start, stop = piece
            start -= sum(len(x) for x in part.pieces if isinstance(x, bytes))
    head = bytearray(read_at(file, start, _STREAMINFO))
    head[4] |= 0x80  # the last metadata block
    head[21] &= 0xF0
    head[22:26] = bytes(4)
    block = int.from_bytes(head[8:10], "big")
    form = None
    position = start + _STREAMINFO
    while position < stop:
        chunk = read_at(file, position, _SEARCHED)
        for match in _SYNC.finditer(chunk[: stop - position]):
            place = match.start()
            frame = chunk[place : place + 20]
            span = _frame_span(frame, block)
            if span is None:
                continue
            # Blocking, rate and sample size are those of the first frame.
            own = frame[1], frame[2] & 15, frame[3] & 15
            form = own if form is None else form
            if own == form and sample < span[0] < sample + _LONGEST_GAP:
                return Part((bytes(head), (position + place, stop)), count=True), span[
                    0
                ]
        if len(chunk) <= _OVERLAP:
            return None
        position += len(chunk) - _OVERLAP
    return None


def _starts(file: BinaryIO, size: int) -> Iterator[int]:
    """Yield the position of each STREAMINFO with its mark."""
    position = 0
    while position < size:
        chunk = read_at(file, position, _SEARCHED)
        for match in _JOINED.finditer(chunk):
            yield position + match.start()
        if len(chunk) <= _MARK_BYTES:
            return
        position += len(chunk) - _MARK_BYTES + 1


def _claimed(file: BinaryIO, start: int) -> int:
    """Return the samples per channel that the header names; 0 for none."""
    return int.from_bytes(read_at(file, start + 21, 5), "big") & ((1 << 36) - 1)


def _part(file: BinaryIO, start: int, stop: int, *, alone: bool) -> Part:
    """Return a part; without the number in its header where the frames differ."""
    total = _claimed(file, start)
    if stop - start <= _STREAMINFO:
        return Part() if alone else Part(((start, stop),))
    block = int.from_bytes(read_at(file, start + 8, 2), "big")
    tail = read_at(file, max(start + _STREAMINFO, stop - _TAIL), _TAIL)
    if total and total in _ends(tail[: stop - start], block):
        return Part() if alone else Part(((start, stop),), total)
    head = bytearray(read_at(file, start, 26))
    head[21] &= 0xF0  # 36 bits of zeros: an unknown number
    head[22:26] = bytes(4)
    return Part((bytes(head), (start + 26, stop)), count=True)


def _ends(tail: bytes, block: int) -> Iterator[int]:
    """Yield the number of samples at the end of each frame whose header is right."""
    for match in _SYNC.finditer(tail):
        span = _frame_span(tail[match.start() : match.start() + 20], block)
        if span is not None:
            yield span[1]


def _frame_span(head: bytes, block: int) -> tuple[int, int] | None:
    """Return the first sample of a frame and the one after it, from its header."""
    if len(head) < 6:
        return None
    number, place = _coded_number(head, 4)
    code = head[2] >> 4
    size = _FIXED_BLOCK_SIZES.get(code, 256 << (code - 8) if code >= 8 else 0)
    if code in (6, 7):
        width = code - 5
        size = int.from_bytes(head[place : place + width], "big") + 1
        place += width
    place += {12: 1, 13: 2, 14: 2}.get(head[2] & 15, 0)
    if not size or place >= len(head) or crc8(head[:place]) != head[place]:
        return None
    first = number if head[1] & 1 else number * block
    return first, first + size


def _coded_number(head: bytes, place: int) -> tuple[int, int]:
    """Parse a number in the coding of UTF-8; return it and the position after it."""
    first = head[place]
    if first < 0x80:
        return first, place + 1
    more = 7 - (first ^ 0xFF).bit_length()
    number = first & ((1 << (6 - more)) - 1) if more < 6 else 0
    for byte in head[place + 1 : place + 1 + more]:
        number = number << 6 | byte & 0x3F
    return number, place + 1 + more
