"""What a file holds, by its bytes: the recordings in it and their real length."""

from __future__ import annotations

from typing import BinaryIO

from asr.audio.flac_frames import flac_structure
from asr.audio.mp3_frames import mp3_structure
from asr.audio.ogg_pages import ogg_structure
from asr.audio.pieces import Structure, read_at
from asr.audio.sound_headers import header_structure


def structure(file: BinaryIO) -> Structure:
    """Find the recordings in a file; the decoder decides about unknown formats.

    Args:
        file: Seekable binary file.
    """
    head = read_at(file, 0, 4)
    if head == b"OggS":
        found = ogg_structure(file)
    elif head == b"fLaC":
        found = flac_structure(file)
    elif head[:3] == b"ID3" or (len(head) > 1 and head[0] == 0xFF and head[1] >= 0xE0):
        found = mp3_structure(file)
    else:
        found = header_structure(file)
    file.seek(0)
    return found
