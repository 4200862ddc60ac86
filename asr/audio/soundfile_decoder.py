"""Decoder of WAV, FLAC, Ogg, Opus and MP3 with libsndfile."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import BinaryIO

import numpy as np
import soundfile

from asr.audio.track import BLOCK, Track, check_channel, to_mono, warn_truncated
from asr.errors import AudioError

_UNKNOWN_FRAMES = 1 << 62  # libsndfile reports 2^63 - 1 for a stream without a length


class _SoundFile(soundfile.SoundFile):
    """Sound file that does not seek between blocks.

    soundfile seeks to its position after each read. In an MP3 of variable bit rate this
    leaves up to a quarter of a second of silence between blocks.
    """

    def seekable(self) -> bool:
        """Keep `read` from seeking; `seek` still works."""
        return False


def open_soundfile(
    name: str, file: Path | BinaryIO, channel: int | None, stack: ExitStack
) -> Track:
    """Open a recording with libsndfile, by content.

    Args:
        name: Name for messages.
        file: Path or seekable binary file.
        channel: The channel to decode, from 1 on; None for the mean of all.
        stack: Closes the recording.

    Raises:
        AudioError: The recording has no such channel.
        soundfile.LibsndfileError: libsndfile cannot read it.
        TypeError: The name ends in .raw, for which soundfile wants a sample rate.
    """
    # A path where there is one: no Python callback for each read.
    target = os.fsencode(file) if isinstance(file, Path) else file
    sound = stack.enter_context(_SoundFile(target))
    check_channel(name, channel, sound.channels)
    return Track(
        name=name,
        rate=sound.samplerate,
        channels=sound.channels,
        frames=sound.frames if sound.frames < _UNKNOWN_FRAMES else None,
        format=sound.format,
        subtype=sound.subtype,
        chunks=partial(_chunks, name, sound, channel),
    )


def _chunks(
    name: str,
    sound: soundfile.SoundFile,
    channel: int | None,
    first: int,
    count: int | None,
) -> Iterator[np.ndarray]:
    """Decode up to the end, or to where the recording is damaged."""
    end = sound.frames if count is None else min(first + count, sound.frames)
    position = first
    # On an error the buffer holds the frames decoded before it; the others stay NaN.
    buffer = np.full((0, sound.channels), np.nan, np.float32)
    try:
        # An MP3 frame uses bits of up to 511 bytes before it, which a seek skips.
        lead = min(first, sound.samplerate) if sound.format == "MP3" else 0
        sound.seek(first - lead)
        sound.read(out=np.empty((lead, sound.channels), np.float32))
        while position < end:
            # A damaged header may have a rate of a few hertz.
            size = min(BLOCK, 60 * sound.samplerate, end - position)
            buffer = np.full((size, sound.channels), np.nan, np.float32)
            block = sound.read(out=buffer)
            if not len(block):
                return
            position += len(block)
            yield to_mono(name, block, channel)
    except soundfile.LibsndfileError as error:
        rest = buffer[~np.isnan(buffer).any(axis=1)]
        position += len(rest)
        if position == first:
            reason = error.error_string
            raise AudioError(f"{name}: cannot decode it ({reason})") from error
        seconds = position / sound.samplerate
        warn_truncated(name, seconds)
        yield to_mono(name, rest, channel)
