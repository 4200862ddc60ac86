"""Units of work: recordings of similar length, named by their content."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cached_property

from asr.audio.shard_clip import ShardClip
from asr.data.manifest import Utterance, manifest_entry
from asr.errors import address_in

LARGEST = 1200.0
"""Most seconds of audio in a unit: about a minute of work of one core."""

_SMALLEST = 60.0  # seconds
_UNITS = 64  # a small corpus is cut into as many, so that workers end together
_MOST_ROWS = 1000
_RATIO = 1.5  # longest to shortest length of a bucket
_SHORTEST = 0.5  # seconds; all shorter ones are alike
_UNKNOWN = 10.0  # seconds of a recording that tells nothing about its length
_BYTES_PER_SECOND = {".wav": 32_000, ".flac": 16_000}
_COMPRESSED = 4_000  # bytes a second of MP3 and the like: 32 kbit/s


@dataclass(frozen=True)
class Unit:
    """Some rows of a corpus, to be worked on together.

    Args:
        rows: The utterances.
        positions: Their numbers in the corpus, from 0.
        seconds: Their length, as far as it is known beforehand.
    """

    rows: tuple[Utterance, ...]
    positions: tuple[int, ...]
    seconds: float

    @cached_property
    def name(self) -> str:
        """Name by content: the same recordings give the same name on any machine."""
        digest = hashlib.sha256()
        for row in self.rows:
            entry = manifest_entry(row, None)
            digest.update(json.dumps(entry, sort_keys=True).encode() + b"\n")
        return digest.hexdigest()[:20]

    def halves(self) -> tuple[Unit, Unit]:
        """Cut a unit of two rows or more into two."""
        middle = len(self.rows) // 2
        first, second = (
            Unit(self.rows[part], self.positions[part], 0.5 * self.seconds)
            for part in (slice(middle), slice(middle, None))
        )
        return first, second


def length(row: Utterance) -> float:
    """Return the seconds of a row: its `duration`, or a guess by the size of its file.

    Nothing is decoded: headers of millions of files would take hours.
    """
    if row.duration is not None:
        return row.duration
    if isinstance(row.audio, ShardClip):
        return row.audio.size / _BYTES_PER_SECOND[".flac"]
    if address_in(row.audio):
        return _UNKNOWN
    try:
        size = row.audio.stat().st_size
    except (OSError, ValueError):  # reported when it is read
        return _UNKNOWN
    return size / _BYTES_PER_SECOND.get(row.audio.suffix.lower(), _COMPRESSED)


def unit_seconds(total: float) -> float:
    """Return the seconds of audio of the units of a corpus of `total` seconds."""
    return min(LARGEST, max(_SMALLEST, total / _UNITS))


@dataclass
class _Bucket:
    """Rows of similar length that wait for more."""

    rows: list[tuple[int, Utterance, float]] = field(default_factory=list)
    seconds: float = 0.0

    def add(self, position: int, row: Utterance, seconds: float) -> None:
        self.rows.append((position, row, seconds))
        self.seconds += seconds

    def unit(self) -> Unit:
        positions, rows, _ = zip(*self.rows, strict=True)
        return Unit(rows, positions, self.seconds)


def units(rows: Iterable[Utterance], seconds: float) -> Iterator[Unit]:
    """Group rows into units of similar lengths.

    Each bucket of lengths holds at most one unit, so the memory does not depend on the
    number of rows. The order and the names of units depend on the rows alone.

    Args:
        rows: The corpus, in a fixed order.
        seconds: Audio of a unit. Longer recordings are units by themselves.
    """
    buckets: dict[int, _Bucket] = {}
    for position, row in enumerate(rows):
        each = length(row)
        key = round(math.log(max(each, _SHORTEST), _RATIO))
        bucket = buckets.setdefault(key, _Bucket())
        bucket.add(position, row, each)
        if bucket.seconds >= seconds or len(bucket.rows) >= _MOST_ROWS:
            yield buckets.pop(key).unit()
    rest = _Bucket()
    for key in sorted(buckets, reverse=True):  # the longest first: a short end
        for position, row, each in buckets[key].rows:
            rest.add(position, row, each)
            if rest.seconds >= seconds or len(rest.rows) >= _MOST_ROWS:
                yield rest.unit()
                rest = _Bucket()
    if rest.rows:
        yield rest.unit()
