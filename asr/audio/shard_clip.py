"""Recording inside a shard."""

from __future__ import annotations

import stat
import zlib
from dataclasses import dataclass
from pathlib import Path

from asr.errors import AudioError


@dataclass(frozen=True)
class ShardClip:
    """Recording inside a shard; see `asr.data.shards`.

    Args:
        shard: Path, or address for `tf.io.gfile`.
        position: Offset of the recording in bytes.
        size: Length of the recording in bytes.
        crc32: Checksum of these bytes.
    """

    shard: str
    position: int
    size: int
    crc32: int

    def __str__(self) -> str:
        """Return the name for messages."""
        return f"{self.shard}@{self.position}"

    @property
    def remote(self) -> bool:
        """True if the shard is an address."""
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
            path = Path(self.shard)
            status = path.stat()
            if not stat.S_ISREG(status.st_mode):
                raise AudioError(f"{self}: no plain file")
            if self.position + self.size > status.st_size:
                return b""
            with path.open("rb") as file:
                file.seek(self.position)
                return file.read(self.size)
        except (OSError, ValueError) as error:  # ValueError: NUL in the name
            reason = getattr(error, "strerror", None) or error
            raise AudioError(f"{self}: {reason}") from error

    def _remote(self) -> bytes:
        import tensorflow as tf  # only for remote shards

        try:
            with tf.io.gfile.GFile(self.shard, "rb") as file:
                if self.position + self.size > file.size():
                    return b""
                file.seek(self.position)
                content: bytes = file.read(self.size)
        except tf.errors.OpError as error:
            raise AudioError(f"{self}: {error.message}") from error
        return content
