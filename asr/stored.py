"""A recording inside of a larger file."""

from __future__ import annotations

import zlib
from dataclasses import dataclass

from asr.errors import AudioError


@dataclass(frozen=True)
class StoredClip:
    """A recording inside of a shard; see `asr.shards`.

    Args:
        shard: The file, or an address that `tf.io.gfile` knows.
        position: Where the recording's bytes begin in it.
        size: How many they are.
        crc32: Their checksum.
    """

    shard: str
    position: int
    size: int
    crc32: int

    def __str__(self) -> str:
        """Return what messages call it."""
        return f"{self.shard}@{self.position}"

    @property
    def remote(self) -> bool:
        """Whether the shard is an address."""
        return "://" in self.shard

    def read(self) -> bytes:
        """Return the recording's bytes.

        Raises:
            AudioError: The shard is missing or damaged there.
        """
        content = self._remote() if self.remote else self._local()
        if len(content) != self.size or zlib.crc32(content) != self.crc32:
            raise AudioError(f"{self}: the shard is damaged there")
        return content

    def _local(self) -> bytes:
        try:
            with open(self.shard, "rb") as file:  # noqa: PTH123 - the string is at hand
                file.seek(self.position)
                return file.read(self.size)
        except OSError as error:
            raise AudioError(f"{self}: {error.strerror or error}") from error

    def _remote(self) -> bytes:
        import tensorflow as tf  # local files are read without it

        try:
            with tf.io.gfile.GFile(self.shard, "rb") as file:
                file.seek(self.position)
                content: bytes = file.read(self.size)
        except tf.errors.OpError as error:
            raise AudioError(f"{self}: {error.message}") from error
        return content
