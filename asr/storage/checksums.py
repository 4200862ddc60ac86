"""SHA-256 of files, which a thread can begin to compute before it is needed."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

_PART = 1 << 22  # bytes hashed at once: threads wait for Python's lock between parts
_begun: dict[Path, Future[str]] = {}


def begin(paths: Iterable[Path]) -> None:
    """Begin to read files in a thread; `checksum` then waits for it, once."""
    executor = ThreadPoolExecutor(1)
    _begun.update({path: executor.submit(_computed, path) for path in paths})
    executor.shutdown(wait=False)


def checksum(path: Path) -> str:
    """Return the SHA-256 of a file in hexadecimal digits.

    Raises:
        OSError: The file cannot be read.
    """
    future = _begun.pop(path, None)
    return future.result() if future else _computed(path)


def _computed(path: Path) -> str:
    digest, part = hashlib.sha256(), memoryview(bytearray(_PART))
    with path.open("rb", buffering=0) as file:
        while size := file.readinto(part):
            digest.update(part[:size])
    return digest.hexdigest()
