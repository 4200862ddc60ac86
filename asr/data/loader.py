"""Reads and caches the audio or text of training examples."""

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
    """Reads sources in threads; keeps decoded audio.

    Sources of floating point are waveforms, those of integers tokens of texts, which
    are handed on as they are.

    Args:
        read: What turns a record into a source, such as `Task.encode_source`.
        workers: Number of threads.
        cache_mb: Decoded audio kept in memory, in MB (as 16-bit samples).
    """

    read: Callable[[Any], np.ndarray]
    workers: int = 2
    cache_mb: int = 0
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
        kept = self._cache.get(record)
        if kept is not None:
            return kept.astype("float32") / 32767.0
        samples = self.read(record)
        if not samples.size:
            raise DataError(f"{record.name}: there is nothing in it")
        if samples.dtype.kind != "f":
            return samples
        # Rounded on first sight too, so that a resumed run reads the same.
        kept = np.round(np.clip(samples, -1.0, 1.0) * 32767.0).astype("int16")
        if self._cached_bytes + kept.nbytes <= self.cache_mb * 1_000_000:
            self._cache[record] = kept
            self._cached_bytes += kept.nbytes
        return kept.astype("float32") / 32767.0
