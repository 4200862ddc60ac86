"""Archives of corpora from the net: over HTTPS, checked, taken up where they stopped.

A file is there under its name when size and checksum are right, and not before: what
has come so far lies beside it, its name ending in `.part`.
"""

from __future__ import annotations

import errno
import hashlib
import http
import http.client
import logging
import os
import shutil
import ssl
import threading
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from asr.errors import DataError, OutputError

log = logging.getLogger(__name__)

Progress = Callable[[int], None]
"""Told of every few bytes; a negative number takes some back."""

TIMEOUT = 30.0
"""Seconds of silence after which a connection counts as lost."""

_TRIES = 5  # in a row that bring hardly anything, at each address
_LEAST = 1 << 16  # bytes of a connection that was worth its while
_TOGETHER = 3  # files that are fetched at a time
_PAUSE = 1.0  # seconds before the second try; doubles each time
_BLOCK = 1 << 18

STORAGE = frozenset(
    getattr(errno, name) for name in ("ENOSPC", "EDQUOT", "EFBIG", "EIO", "EROFS")
)
"""Error numbers of a disk that is full or broken, which name no file."""


@dataclass(frozen=True)
class Archive:
    """A file on the net, and what it must be.

    Attributes:
        url: Its official address, `https://...`.
        size: Its bytes.
        checksum: `sha256:` or `md5:` and the hexadecimal digest; empty where nobody
            publishes one that could be pinned.
        mirrors: Other addresses, tried in their order.
    """

    url: str
    size: int = 0
    checksum: str = ""
    mirrors: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """Name of the file."""
        return Path(urllib.parse.urlsplit(self.url).path).name


class _ConnectionFailedError(Exception):
    """A connection was of no use; another try may be."""


def fetch_all(
    archives: Sequence[Archive],
    folder: Path,
    *,
    verify: bool = True,
    progress: Progress = lambda _: None,
) -> Iterator[Path]:
    """Fetch files, several at once, and yield each in its turn; see `fetch`."""
    stop = threading.Event()
    with ThreadPoolExecutor(_TOGETHER) as pool:
        futures = [
            pool.submit(
                fetch, archive, folder, verify=verify, progress=progress, stop=stop
            )
            for archive in archives
        ]
        try:
            for future in futures:
                yield future.result()
        finally:
            stop.set()
            pool.shutdown(wait=True, cancel_futures=True)


def fetch(
    archive: Archive,
    folder: Path,
    *,
    verify: bool = True,
    progress: Progress = lambda _: None,
    stop: threading.Event | None = None,
) -> Path:
    """Fetch a file, unless it is there and whole.

    Args:
        archive: What to fetch.
        folder: Where to put it; made if missing.
        verify: Whether a file without a known checksum is refused.
        progress: Told of bytes as they come.
        stop: Ends the work early, when it is set.

    Returns:
        The file.

    Raises:
        DataError: No address gave it, or it is not what it should be.
        OutputError: It cannot be written, or there is no room for it.
    """
    if verify and not archive.checksum:
        raise DataError(
            f"{archive.url}: no checksum is known to verify it by; --no-verify takes it"
        )
    path, part = folder / archive.name, folder / f"{archive.name}.part"
    if path.is_file() and not _wrong(path, archive):
        progress(path.stat().st_size)
        return path
    try:
        folder.mkdir(parents=True, exist_ok=True)
        _check_room(archive, folder, part)
        progress(_size(part))
        reasons = []
        for url in (archive.url, *archive.mirrors):
            try:
                _complete(url, archive, part, progress, stop or threading.Event())
                part.replace(path)
            except _ConnectionFailedError as error:
                reasons.append(f"{urllib.parse.urlsplit(url).netloc}: {error}")
                log.info("%s: %s", url, error)
            else:
                return path
    except OSError as error:
        raise OutputError(f"{part}: {error.strerror or error}") from error
    if _size(part) < _LEAST:  # rather a notice of the server than a beginning
        part.unlink(missing_ok=True)
    raise DataError(f"{archive.name}: cannot be fetched ({'; '.join(reasons)})")


def _check_room(archive: Archive, folder: Path, part: Path) -> None:
    there = _size(part)
    free = shutil.disk_usage(folder).free
    if archive.size - there > free:
        raise OutputError(
            f"{folder}: {archive.name} needs {archive.size - there:,} bytes, and "
            f"{free:,} are free"
        )


def _complete(
    url: str, archive: Archive, part: Path, progress: Progress, stop: threading.Event
) -> None:
    """Bring a part to its end from one address."""
    fails, reason, most = 0, "", _size(part)
    while fails < _TRIES:
        if stop.wait(_PAUSE * 2 ** (fails - 1) if fails else 0):
            raise _ConnectionFailedError("stopped")
        before = _size(part)
        reason = _receive(url, archive, part, _until(stop, progress))
        if not reason:
            reason = _wrong(part, archive)
            if not reason:
                return
            # Which of its bytes are wrong cannot be told, so all of them go.
            progress(-_size(part))
            part.unlink()
            if not before:
                break  # a second time would bring the same
        fails = 0 if _size(part) >= most + _LEAST else fails + 1
        most = max(most, _size(part))
    raise _ConnectionFailedError(reason)


def _until(stop: threading.Event, progress: Progress) -> Progress:
    """Return a function that ends the connection when it is to stop."""

    def told(amount: int) -> None:
        progress(amount)
        if stop.is_set():
            raise ConnectionAbortedError("stopped")

    return told


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def _receive(url: str, archive: Archive, part: Path, progress: Progress) -> str:
    """Append to a part what one connection gives; return why it ended too early."""
    start = _size(part)
    if archive.size and start >= archive.size:
        return ""
    request = urllib.request.Request(url)  # _opener takes HTTPS alone
    if start:
        request.add_header("Range", f"bytes={start}-")
    try:
        with _opener().open(request, timeout=TIMEOUT) as response:
            return _append(response, archive, part, progress)
    except urllib.error.HTTPError as error:
        if error.code == http.HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE and start:
            part.unlink()
            progress(-start)
        return f"HTTP status {error.code}"
    except urllib.error.URLError as error:
        return str(error.reason)
    except (http.client.HTTPException, OSError) as error:
        # Not of the connection:
        if isinstance(error, OSError) and (error.filename or error.errno in STORAGE):
            raise
        return f"{type(error).__name__} {error}".strip()


def _append(
    response: Any,
    archive: Archive,
    part: Path,
    progress: Progress,
) -> str:
    start = _size(part)
    partial = response.status == http.HTTPStatus.PARTIAL_CONTENT
    range_ = response.headers.get("Content-Range", "")
    if not (partial and range_.startswith(f"bytes {start}-")):
        progress(-start)
        start = 0
    length = response.headers.get("Content-Length", "")
    expected = start + int(length) if length.isdecimal() else 0
    with part.open("ab" if start else "wb") as file:
        try:
            while block := response.read1(_BLOCK):
                file.write(block)
                progress(len(block))
                if archive.size and file.tell() > archive.size:
                    return ""  # whatever it is, it is not what was asked for
        finally:
            file.flush()
            os.fsync(file.fileno())
        cut = file.tell() < (archive.size or expected)
        return "the connection was cut" if cut else ""


def _wrong(path: Path, archive: Archive) -> str:
    """Say what is wrong with a file; empty where nothing is."""
    size = path.stat().st_size
    if archive.size and size != archive.size:
        return f"{size:,} bytes instead of {archive.size:,}"
    kind, _, digest = archive.checksum.partition(":")
    if kind:
        with path.open("rb") as file:
            found = hashlib.file_digest(file, kind).hexdigest()
        if found != digest:
            return f"{kind} {found} instead of {digest}"
    return ""


class _HttpsOnly(urllib.request.HTTPRedirectHandler):
    def redirect_request(
        self,
        *arguments: Any,
    ) -> urllib.request.Request | None:
        request = super().redirect_request(*arguments)
        if request is not None and request.type != "https":
            raise urllib.error.URLError(f"sent on to {request.full_url}, not HTTPS")
        return request


def _opener() -> urllib.request.OpenerDirector:
    opener = urllib.request.OpenerDirector()
    context = ssl.create_default_context()
    for handler in (
        urllib.request.ProxyHandler(),
        urllib.request.HTTPSHandler(context=context),
        urllib.request.HTTPDefaultErrorHandler(),
        urllib.request.HTTPErrorProcessor(),
        urllib.request.UnknownHandler(),
        _HttpsOnly(),
    ):
        opener.add_handler(handler)
    return opener
