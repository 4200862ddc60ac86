"""Loads the audio or text of training records, with a cache for audio."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from asr.data.manifest import Record
from asr.errors import AsrError, DataError

log = logging.getLogger(__name__)


@dataclass
class SourceLoader:
    """Loads the sources of records; safe to call from several threads.

    Floating-point sources are waveforms, which are rounded to 16 bits and cached.
    Integer sources are tokens of texts, which are returned unchanged.

    Args:
        read: Function from a record to its source, such as `Task.encode_source`.
        workers: Number of threads.
        cache_mb: Size of the audio cache in MB.
        ahead: Number of batches that are loaded in advance.
        unreadable: Records that cannot be read, with the reason.
    """

    read: Callable[[Any], np.ndarray]
    workers: int = 2
    cache_mb: int = 0
    ahead: int = 3
    unreadable: dict[Record, str] = field(default_factory=dict)
    _cache: dict[Record, np.ndarray] = field(default_factory=dict)
    _cached_bytes: int = 0

    def load(self, record: Record) -> np.ndarray | None:
        """Return the source of a record, or None if it cannot be read."""
        try:
            source = self._source(record)
        except AsrError as error:
            if record not in self.unreadable:
                self.unreadable[record] = str(error)
                log.warning("left out: %s", error)
            return None
        self.unreadable.pop(record, None)
        return source

    def _source(self, record: Record) -> np.ndarray:
        rounded = self._cache.get(record)
        if rounded is None:
            source = self.read(record)
            if not source.size:
                raise DataError(f"{record.name}: no samples or tokens in it")
            if source.dtype.kind != "f":
                return source
            # Always rounded, so that cached and uncached audio are equal.
            rounded = np.round(np.clip(source, -1.0, 1.0) * 32767.0).astype("int16")
            if self._cached_bytes + rounded.nbytes <= self.cache_mb * 1_000_000:
                self._cache[record] = rounded
                self._cached_bytes += rounded.nbytes
        return rounded.astype("float32") / 32767.0
