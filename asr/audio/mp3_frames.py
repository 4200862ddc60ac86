"""Frames of MP3 files: how many there are, whatever the header says.

The length of an MP3 is that of its frames. A Xing, Info or VBRI frame at the start
gives their number when the file was written; without it, libsndfile guesses from the
first frame, which is wrong at a variable bit rate. Joined files have several such
frames.

A frame whose header is damaged leaves a gap between its neighbours. Damage behind a
header cannot be seen: most encoders write no checksum, and decoders make noise of it.

Reference:
    ISO/IEC 11172-3:1993, section 2.4.2.3; 13818-3:1998 for the lower rates.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import BinaryIO, NamedTuple

from asr.audio.pieces import Part, Structure, read_at, size_of

_RATES = {3: (44100, 48000, 32000), 2: (22050, 24000, 16000), 0: (11025, 12000, 8000)}
_KBITS = {
    (3, 3): (32, 64, 96, 128, 160, 192, 224, 256, 288, 320, 352, 384, 416, 448),
    (3, 2): (32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384),
    (3, 1): (32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
    (2, 3): (32, 48, 56, 64, 80, 96, 112, 128, 144, 160, 176, 192, 224, 256),
    (2, 2): (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
}
_SEARCHED = 1 << 16
_SYNC = re.compile(rb"\xff[\xe0-\xff]")
_LAYER_3 = 1  # as headers write it
_DECODER_DELAY = 529  # samples
_INFO_BYTES = 200  # a frame's start, up to the delay of LAME


class _Frame(NamedTuple):
    """Header of a frame; `kind` is equal for frames of one stream."""

    kind: tuple[int, int, int, bool]  # version, layer, rate, mono
    size: int
    samples: int


@dataclass
class _Stream:
    """Frames that belong together: those after a Xing frame, or of one kind."""

    first: bytes  # start of the first frame
    frame: _Frame
    claimed: int | None = None
    delay: int = 0
    runs: list[tuple[int, int]] = field(default_factory=list)
    frames: int = 0

    def add(self, start: int, end: int) -> None:
        """Add the bytes of a frame, or join them to the run before."""
        if self.runs and self.runs[-1][1] == start:
            self.runs[-1] = self.runs[-1][0], end
        else:
            self.runs.append((start, end))
        self.frames += 1

    @property
    def samples(self) -> int:
        """Samples that a decoder gives where the end is cut off."""
        return max(0, self.frames * self.frame.samples - self.delay)


def mp3_structure(file: BinaryIO) -> Structure:
    """Count the frames of an MP3 file, and find the files that are joined in it."""
    size = size_of(file)
    streams: list[_Stream] = []
    end, damaged = 0, False
    for position, frame, start in _frames(file, size):
        info = _info(start, frame)
        if info or not streams or streams[-1].frame.kind != frame.kind:
            streams.append(_Stream(start, frame, *(info or ())))
        elif position > end and not _is_tagged(file, end, position):
            damaged = True
        end = position + frame.size
        if not info and end <= size:
            streams[-1].add(position, end)
    streams = [stream for stream in streams if stream.frames]
    if not streams:
        return Structure()
    share = None
    if streams[0].claimed is not None:  # the first header speaks for the whole file
        share = streams[0].claimed / sum(stream.frames for stream in streams)
    if len(streams) == 1 and streams[0].frames == streams[0].claimed:
        return Structure(share=share, truncated=end > size, damaged=damaged)
    parts = tuple(map(_part, streams))
    return Structure(parts, share, truncated=end > size, damaged=damaged)


def _part(stream: _Stream) -> Part:
    """Return a stream with a header that lets libsndfile read all of it."""
    if stream.frame.kind[1] != _LAYER_3:  # no Xing frames; of one bit rate
        return Part(tuple(stream.runs), stream.frames * stream.frame.samples)
    if stream.claimed is None or stream.claimed < stream.frames:
        count = stream.frames * stream.frame.samples - _DECODER_DELAY
        return Part((_xing(stream), *stream.runs), max(0, count))
    frames = stream.samples if stream.frames < stream.claimed else None
    return Part((_with_size(stream), *stream.runs), frames)


def _with_size(stream: _Stream) -> bytes:
    """Return the Xing frame with the right number of bytes, if it names one."""
    content = bytearray(stream.first[: stream.frame.size])
    content += bytes(stream.frame.size - len(content))
    place = _info_place(stream.frame)
    if content[place + 7] & 3 == 3:
        size = stream.frame.size + sum(end - start for start, end in stream.runs)
        content[place + 12 : place + 16] = size.to_bytes(4, "big")
    return bytes(content)


def _xing(stream: _Stream) -> bytes:
    """Return a frame that names the right number of frames."""
    frame = stream.frame
    content = bytearray(frame.size)
    content[:4] = stream.first[:4]
    content[1] |= 1  # no checksum
    place = _info_place(frame)
    content[place : place + 12] = (
        b"Xing" + (1).to_bytes(4, "big") + stream.frames.to_bytes(4, "big")
    )
    return bytes(content)


def _info_place(frame: _Frame) -> int:
    version, _, _, mono = frame.kind
    return 4 + ((17 if mono else 32) if version == 3 else (9 if mono else 17))


def _info(start: bytes, frame: _Frame) -> tuple[int | None, int] | None:
    """Return the number of frames and the delay in samples that a frame names."""
    place = _info_place(frame)
    if start[36:40] == b"VBRI":
        return int.from_bytes(start[50:54], "big"), 0
    if start[place : place + 4] not in (b"Xing", b"Info"):
        return None
    flags = int.from_bytes(start[place + 4 : place + 8], "big")
    extension = place + 8 + 4 * (flags & 1) + 4 * (flags >> 1 & 1)
    extension += 100 * (flags >> 2 & 1) + 4 * (flags >> 3 & 1)
    delay = int.from_bytes(start[extension + 21 : extension + 24], "big") >> 12
    claimed = int.from_bytes(start[place + 8 : place + 12], "big")
    return (claimed if flags & 1 else None), delay + _DECODER_DELAY


def _frames(file: BinaryIO, size: int) -> Iterator[tuple[int, _Frame, bytes]]:
    """Yield position, header and start of each frame; skip tags and damage."""
    position = 0
    kind = None
    while position + 4 <= size:
        start = read_at(file, position, _INFO_BYTES)
        frame = _parse(start)
        if frame and (frame.kind == kind or _continues(file, position, frame, size)):
            kind = frame.kind
            yield position, frame, start
            position += frame.size
        elif length := _tag(start):
            position += length
        else:
            found = _search(file, position + 1, size)
            if found is None:
                return
            position = found


def _search(file: BinaryIO, position: int, size: int) -> int | None:
    """Return the position of the next frame that another one follows, or of a tag."""
    while position < size:
        chunk = read_at(file, position, _SEARCHED)
        for match in _SYNC.finditer(chunk):
            start = position + match.start()
            frame = _parse(read_at(file, start, 4))
            if frame and _continues(file, start, frame, size):
                return start
        position += max(1, len(chunk) - 1)
    return None


def _continues(file: BinaryIO, position: int, frame: _Frame, size: int) -> bool:
    """Return whether the next frame, a tag or the end follows a frame."""
    end = position + frame.size
    start = read_at(file, end, 10)
    following = _parse(start)
    if following:
        return following.kind[:3] == frame.kind[:3]
    return end == size or bool(_tag(start))


def _tag(start: bytes) -> int:
    """Return the length of a tag in bytes, or 0."""
    if start[:3] == b"ID3" and len(start) >= 10 and max(start[6:10]) < 128:
        return 10 + sum(byte << 7 * (3 - i) for i, byte in enumerate(start[6:10]))
    return 128 if start[:3] == b"TAG" else 0


def _is_tagged(file: BinaryIO, start: int, end: int) -> bool:
    """Return whether tags or padding fill what lies between two frames."""
    content = read_at(file, start, min(end - start, _SEARCHED))
    tags = (b"ID3", b"TAG", b"APETAGEX", b"LYRICSBEGIN")
    return content.startswith(tags) or not any(content)


def _parse(start: bytes) -> _Frame | None:
    """Parse the header of a frame."""
    if len(start) < 4 or start[0] != 0xFF or start[1] < 0xE0:
        return None
    version, layer = start[1] >> 3 & 3, start[1] >> 1 & 3  # layer: 3 is I, 1 is III
    bits, rate, padding = start[2] >> 4, start[2] >> 2 & 3, start[2] >> 1 & 1
    if version == 1 or layer == 0 or bits in (0, 15) or rate == 3:
        return None
    hertz = _RATES[version][rate]
    table = _KBITS[3 if version == 3 else 2, layer if version == 3 else max(2, layer)]
    kbits = table[bits - 1]
    if layer == 3:
        samples, size = 384, (12 * 1000 * kbits // hertz + padding) * 4
    else:
        samples = 1152 if version == 3 or layer == 2 else 576
        size = samples // 8 * 1000 * kbits // hertz + padding
    return _Frame((version, layer, hertz, start[3] >> 6 == 3), size, samples)
