"""Checksums of FLAC frames: of a header, and of many frames at once.

Reference:
    RFC 9639, Free Lossless Audio Codec, sections 9.1.8 and 9.3.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

import numpy as np


def _crc8_of(byte: int) -> int:
    for _ in range(8):
        byte = (byte << 1 ^ 0x07 if byte & 0x80 else byte << 1) & 0xFF
    return byte


_CRC8 = tuple(map(_crc8_of, range(256)))


def crc8(data: bytes) -> int:
    """Return the checksum of a frame's header, with the polynomial x^8+x^2+x+1."""
    crc = 0
    for byte in data:
        crc = _CRC8[crc ^ byte]
    return crc


def are_right(frames: Sequence[bytes]) -> bool:
    """Return whether all frames agree with the checksums that end them."""
    lengths = np.fromiter(map(len, frames), np.int64, len(frames))
    # Frames of like lengths together, so that padding at most doubles them.
    groups = np.frexp(lengths)[1]
    return not any(
        _remainders([frames[i] for i in np.flatnonzero(groups == group).tolist()]).any()
        for group in np.unique(groups)
    )


def _remainders(frames: Sequence[bytes]) -> np.ndarray:
    """Return each frame modulo x^16+x^15+x^2+1, (N,) uint16: 0 if it is right.

    A frame is a polynomial over GF(2), of which neighbouring halves are added again
    and again: all frames advance together, in as many steps as a length has bits.
    """
    width = max(map(len, frames)) + 1 & ~1
    # Zeros before a frame do not change it.
    joined = b"".join(frame.rjust(width, b"\0") for frame in frames)
    sums = np.frombuffer(joined, ">u2").reshape(len(frames), -1).astype(np.uint16)
    level = 0
    while sums.shape[1] > 1:
        if sums.shape[1] % 2:
            sums = np.pad(sums, ((0, 0), (1, 0)))
        sums = _shifted(level)[sums[:, ::2]] ^ sums[:, 1::2]
        level += 1
    return sums[:, 0]


@cache
def _shifted(level: int) -> np.ndarray:
    """Return each remainder times x^(16 * 2^level), (65536,) uint16."""
    if level:
        half = _shifted(level - 1)
        return half[half]
    values: np.ndarray = np.arange(1 << 16, dtype=np.uint16)
    for _ in range(16):
        values = values << 1 ^ np.uint16(0x8005) * (values >> 15)
    return values
