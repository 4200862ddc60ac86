"""Decoder of WAV, FLAC, Ogg Vorbis, Opus, MP3 and more with libsndfile.

libsndfile stops at the length in the header, and where the first of several joined
recordings ends. So the bytes decide (`asr.audio.structure`): each part is opened with
a header that is right.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO, NamedTuple

import numpy as np
import soundfile
import soxr

from asr.audio.flac_frames import after_damage, is_intact
from asr.audio.pieces import Part, Pieces, Structure
from asr.audio.structure import structure
from asr.audio.track import BLOCK, Track, warn_length, warn_once, warn_truncated
from asr.errors import AudioError

_MOST_PARTS = 10_000
_UNKNOWN_FRAMES = 1 << 62  # libsndfile reports 2^63 - 1 for a stream without a length


class _SoundFile(soundfile.SoundFile):
    """Sound file that does not seek between blocks.

    soundfile seeks to its position after each read. In an MP3 of variable bit rate this
    leaves up to a quarter of a second of silence between blocks.
    """

    def seekable(self) -> bool:
        """Keep `read` from seeking; `seek` still works."""
        return False

    @property
    def seeks(self) -> bool:
        """True if `seek` works: not with GSM 6.10, G.721 and others."""
        return super().seekable()


def open_soundfile(name: str, file: Path | BinaryIO, *, piped: bool = False) -> Track:
    """Open a recording by its content.

    Args:
        name: Name for messages.
        file: Path or seekable binary file.
        piped: The file is the copy of a pipe, whose header cannot know its length.

    Raises:
        soundfile.LibsndfileError: libsndfile cannot read it.
        AudioError: It is more than 10,000 recordings.
        TypeError: The name ends in `.raw`, which soundfile never opens by content.
    """
    if isinstance(file, Path):
        with file.open("rb") as opened:
            found = structure(opened)
    else:
        found = structure(file)
    if len(found.parts) > _MOST_PARTS:
        text = f"more than {_MOST_PARTS:,} recordings joined end to end"
        raise AudioError(f"{name}: {text}; split it")
    recording = _Recording(name, file, found, piped)
    with recording.open(found.parts[0]) as sound:
        return Track(
            name=name,
            rate=sound.samplerate,
            channels=sound.channels,
            format=sound.format,
            subtype=sound.subtype,
            chunks=recording.chunks,
            measure=recording.measure,
        )


class _Recording(NamedTuple):
    """The parts of a file, decoded as one recording.

    Args:
        name: Name for messages.
        file: Path or seekable binary file.
        found: The parts.
        piped: The file is the copy of a pipe.
    """

    name: str
    file: Path | BinaryIO
    found: Structure
    piped: bool

    @contextmanager
    def open(self, part: Part) -> Iterator[_SoundFile]:
        """Open a part: the file itself where that can be read as it is."""
        with ExitStack() as stack:
            file = self.file
            target: str | bytes | BinaryIO | Pieces
            if not part.pieces and isinstance(file, Path):
                target = os.fsencode(file)  # no Python callback for each read
            else:
                if isinstance(file, Path):
                    file = stack.enter_context(file.open("rb"))
                file.seek(0)
                target = Pieces(file, part.pieces) if part.pieces else file
            yield stack.enter_context(_SoundFile(target))

    def measure(self) -> int:
        """Count the samples per channel of all parts, at the rate of the first."""
        total = rate = 0
        for part in self.found.parts:
            try:
                with self.open(part) as sound:
                    rate = rate or sound.samplerate
                    if sound.format == "FLAC" and not self._is_intact(part):
                        part = replace(part, frames=None, count=True)
                    count = self._frames(part, sound)
                    total += round(count * rate / sound.samplerate)
            except soundfile.LibsndfileError as error:
                if not total:
                    raise self._undecodable(error) from error
                warn_truncated(self.name, total / rate)
        self._warn(total, max(rate, 1))
        return total

    def _undecodable(self, error: soundfile.LibsndfileError) -> AudioError:
        return AudioError(f"{self.name}: cannot decode it ({error.error_string})")

    def chunks(self, first: int, count: int | None) -> Iterator[np.ndarray]:
        """Decode `count` frames (None: all) from `first` on, as (N, channels) blocks.

        A damaged recording gives what comes before the damage, with a warning.
        """
        stop = sys.maxsize if count is None else first + count
        position, rate, channels, given = 0, 0, 0, False
        for part in self.found.parts:
            try:
                with self.open(part) as sound:
                    rate = rate or sound.samplerate
                    channels = channels or sound.channels
                    skipped = self._skip(part, sound, first - position, rate)
                    position += skipped
                    decoded = self._whole(part, sound, skipped)
                    for block in _converted(decoded, sound, rate):
                        inside = block[max(0, first - position) : stop - position]
                        position += len(block)
                        if len(inside):
                            given = True
                            yield _with_channels(inside, channels)
                        if position >= stop:
                            return
            except soundfile.LibsndfileError as error:
                if not given:
                    raise self._undecodable(error) from error
                warn_truncated(self.name, position / rate)
                return
        if given or not first:
            self._warn(position, max(rate, 1))

    def _skip(self, part: Part, sound: _SoundFile, frames: int, rate: int) -> int:
        """Skip up to so many frames at `rate` without decoding; return how many."""
        if frames <= 0 or sound.samplerate != rate:
            return 0
        if not sound.seeks or part.count:
            return 0
        return min(frames, self._frames(part, sound))

    def _frames(self, part: Part, sound: _SoundFile) -> int:
        """Return the number of frames of a part; decode only if nothing tells it."""
        if part.frames is not None:
            return part.frames
        if sound.frames < _UNKNOWN_FRAMES and not part.count:
            return sound.frames
        total = 0
        with self.open(part) as again:
            try:
                for block in self._whole(part, again, 0):
                    total += len(block)
            except soundfile.LibsndfileError:
                if not total:
                    raise
                warn_truncated(self.name, total / sound.samplerate)
        return total

    def _whole(self, part: Part, sound: _SoundFile, first: int) -> Iterator[np.ndarray]:
        """Decode a part from a frame on; in FLAC, go on behind damage.

        Silence stands for what is lost, so that the times stay right.
        """
        position = begin = first
        with ExitStack() as stack:
            while True:
                try:
                    for block in self._decode(sound, begin):
                        position += len(block)
                        yield block
                    return
                except soundfile.LibsndfileError:
                    rest = (
                        self._behind(part, position) if sound.format == "FLAC" else None
                    )
                    if rest is None:
                        raise
                following, start = rest
                times = (place / sound.samplerate for place in (position, start))
                text = "damaged from {:.2f} to {:.2f} s; silence is read".format(*times)
                warn_once(self.name, "length", text)
                for place in range(position, start, BLOCK):
                    size = min(BLOCK, start - place)
                    yield np.zeros((size, sound.channels), np.float32)
                position, begin = start, 0
                sound = stack.enter_context(self.open(following))

    def _is_intact(self, part: Part) -> bool:
        """Return whether a part of a FLAC file can be measured without decoding."""
        if part.count:  # it will be decoded
            return True
        with ExitStack() as stack:
            file = self.file
            if isinstance(file, Path):
                file = stack.enter_context(file.open("rb"))
            return is_intact(file, part)

    def _behind(self, part: Part, sample: int) -> tuple[Part, int] | None:
        if not isinstance(self.file, Path):
            return after_damage(self.file, part, sample)
        with self.file.open("rb") as file:
            return after_damage(file, part, sample)

    def _decode(self, sound: _SoundFile, first: int) -> Iterator[np.ndarray]:
        """Decode from a frame on, up to the end; an error comes after what is whole."""
        if first:
            # An MP3 frame uses bits of up to 511 bytes before it, which a seek skips.
            lead = min(first, sound.samplerate) if sound.format == "MP3" else 0
            try:
                sound.seek(first - lead)
            except soundfile.LibsndfileError:  # DWVW says that it can
                lead = first
            while lead > 0:
                out = np.empty((min(lead, BLOCK), sound.channels), np.float32)
                lead -= len(sound.read(out=out)) or lead
        # A damaged header may have a thousand channels.
        size = min(BLOCK, max(1, 4 * BLOCK // sound.channels))
        while True:
            # On an error the buffer holds the frames decoded before it, then NaN.
            buffer = np.full((size, sound.channels), np.nan, np.float32)
            try:
                block = sound.read(out=buffer)
            except soundfile.LibsndfileError:
                yield buffer[~np.isnan(buffer).any(axis=1)]
                raise
            if not len(block):
                return
            yield block

    def _warn(self, frames: int, rate: int) -> None:
        """Warn, once, where the file is not what its header says."""
        found, seconds = self.found, frames / rate
        if found.damaged:
            text = f"damaged; {seconds:.2f} s of it can be decoded"
            warn_once(self.name, "length", text)
        elif found.truncated:
            warn_truncated(self.name, seconds)
        elif found.share is not None:
            warn_length(self.name, found.share * seconds, seconds)
        elif found.frames is not None:
            warn_length(self.name, found.frames / rate, seconds)
        elif len(found.parts) > 1:
            text = f"{len(found.parts)} recordings joined end to end: {seconds:.2f} s"
            warn_once(self.name, "length", text)
        elif found.unknown and not self.piped:
            text = f"its header names no length; it holds {seconds:.2f} s"
            warn_once(self.name, "length", text)


def _converted(
    blocks: Iterator[np.ndarray], sound: _SoundFile, rate: int
) -> Iterator[np.ndarray]:
    """Resample blocks of a part whose rate is not that of the first part."""
    if sound.samplerate == rate:
        yield from blocks
        return
    stream = soxr.ResampleStream(sound.samplerate, rate, sound.channels)
    for block in blocks:
        yield stream.resample_chunk(block).reshape(-1, sound.channels)
    nothing = np.zeros((0, sound.channels), np.float32)
    yield stream.resample_chunk(nothing, last=True).reshape(-1, sound.channels)


def _with_channels(block: np.ndarray, channels: int) -> np.ndarray:
    """Return a block with the channels of the first part: its mean in each."""
    if block.shape[1] == channels:
        return block
    return np.repeat(block.mean(axis=1, keepdims=True), channels, axis=1)
