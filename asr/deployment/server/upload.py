"""An uploaded recording as a file for the decoders of audio."""

from __future__ import annotations

import io
from contextlib import suppress
from typing import Any

from asr.deployment.server.pool import Job


class Upload:
    """A temporary file, which is at its end once its job is cancelled.

    Args:
        file: The file; it has no name on the disk.
        name: Name for messages.
    """

    def __init__(self, file: Any, name: str) -> None:
        self._file, self.name = file, name
        self.job: Job | None = None

    def read(self, size: int = -1) -> bytes:
        """Read bytes; none if nobody waits for the result."""
        if self.job is not None and self.job.is_cancelled:
            return b""
        data: bytes = self._file.read(size)
        return data

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Set the position."""
        return int(self._file.seek(offset, whence))

    def tell(self) -> int:
        """Return the position."""
        return int(self._file.tell())

    def seekable(self) -> bool:
        """Return True."""
        return True

    def close(self) -> None:
        """Remove the file."""
        with suppress(OSError):
            self._file.close()

    def __str__(self) -> str:
        """Return the name."""
        return self.name
