"""Download of corpus archives over HTTPS, verified and resumable.

A file gets its name when size and checksum match. Until then its bytes are in a file
beside it that ends in `.part`.
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
"""Function called with the number of new bytes; negative for discarded ones."""

_TIMEOUT = 30.0  # seconds without data, after which a connection counts as lost
_TRIES = 5  # failures in a row at each address
_MIN_PROGRESS = 1 << 16  # bytes; a connection with fewer is a failure
_PARALLEL = 3  # downloads
_PAUSE = 1.0  # seconds before the second try; doubles each time
_BLOCK = 1 << 18

STORAGE = frozenset(
    getattr(errno, name) for name in ("ENOSPC", "EDQUOT", "EFBIG", "EIO", "EROFS")
)
"""Error numbers of a full or broken disk; such errors name no file."""


@dataclass(frozen=True)
class Archive:
    """A file to download.

    Attributes:
        url: Official address, `https://...`.
        size: Size in bytes; 0 if unknown.
        checksum: `sha256:` or `md5:` and the hexadecimal digest; empty if none is
            published.
        mirrors: Further addresses, tried in order.
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
    """All tries at one address failed."""


def fetch_all(
    archives: Sequence[Archive],
    folder: Path,
    *,
    verify: bool = True,
    progress: Progress = lambda _: None,
) -> Iterator[Path]:
    """Fetch files in parallel and yield their paths in order; see `fetch`."""
    stop = threading.Event()
    with ThreadPoolExecutor(_PARALLEL) as pool:
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
    """Fetch a file, unless a complete copy exists.

    Args:
        archive: The file and its addresses.
        folder: Target folder; created if missing.
        verify: Refuse a file without a known checksum.
        progress: Called with the number of new bytes.
        stop: Event that cancels the download.

    Returns:
        Path of the file.

    Raises:
        DataError: All addresses failed, or size or checksum do not match.
        OutputError: The file cannot be written, or the disk is too small.
    """
    if verify and not archive.checksum:
        raise DataError(
            f"{archive.url}: has no known checksum; accept it with --no-verify"
        )
    path, part = folder / archive.name, folder / f"{archive.name}.part"
    if path.is_file() and not _mismatch(path, archive):
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
    if _size(part) < _MIN_PROGRESS:  # probably an error page, not a beginning
        part.unlink(missing_ok=True)
    raise DataError(f"{archive.name}: cannot be fetched ({'; '.join(reasons)})")


def _check_room(archive: Archive, folder: Path, part: Path) -> None:
    needed = archive.size - _size(part)
    free = shutil.disk_usage(folder).free
    if needed > free:
        raise OutputError(
            f"{folder}: {archive.name} needs {needed:,} bytes, and {free:,} are free"
        )


def _complete(
    url: str, archive: Archive, part: Path, progress: Progress, stop: threading.Event
) -> None:
    """Complete a `.part` file from one address, over several connections."""
    fails, reason, most = 0, "", _size(part)
    while fails < _TRIES:
        if stop.wait(_PAUSE * 2 ** (fails - 1) if fails else 0):
            raise _ConnectionFailedError("stopped")
        before = _size(part)
        reason = _receive(url, archive, part, _until(stop, progress))
        if not reason:
            reason = _mismatch(part, archive)
            if not reason:
                return
            # The wrong bytes are unknown, so all are discarded.
            progress(-_size(part))
            part.unlink()
            if not before:
                break  # one connection gave it all: the server's file is wrong
        fails = 0 if _size(part) >= most + _MIN_PROGRESS else fails + 1
        most = max(most, _size(part))
    raise _ConnectionFailedError(reason)


def _until(stop: threading.Event, progress: Progress) -> Progress:
    """Return a progress function that also ends the connection when stopped."""

    def report(amount: int) -> None:
        progress(amount)
        if stop.is_set():
            raise ConnectionAbortedError("stopped")

    return report


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def _receive(url: str, archive: Archive, part: Path, progress: Progress) -> str:
    """Append the bytes of one connection; return the reason for an early end."""
    start = _size(part)
    if archive.size and start >= archive.size:
        return ""
    request = urllib.request.Request(url)  # _opener accepts HTTPS alone
    if start:
        request.add_header("Range", f"bytes={start}-")
    try:
        with _opener().open(request, timeout=_TIMEOUT) as response:
            return _append(response, archive, part, progress)
    except urllib.error.HTTPError as error:
        if error.code == http.HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE and start:
            part.unlink()
            progress(-start)
        return f"HTTP status {error.code}"
    except urllib.error.URLError as error:
        return str(error.reason)
    except (http.client.HTTPException, OSError) as error:
        # An error of the disk, not of the connection.
        if isinstance(error, OSError) and (error.filename or error.errno in STORAGE):
            raise
        return f"{type(error).__name__} {error}".strip()


def _append(response: Any, archive: Archive, part: Path, progress: Progress) -> str:
    """Append a response to a `.part` file; return the reason for an early end."""
    start = _size(part)
    partial = response.status == http.HTTPStatus.PARTIAL_CONTENT
    range_ = response.headers.get("Content-Range", "")
    # Without the range asked for, the server sends the whole file again.
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
                    return ""  # too long: verification fails
        finally:
            file.flush()
            os.fsync(file.fileno())
        cut = file.tell() < (archive.size or expected)
        return "the connection was cut" if cut else ""


def _mismatch(path: Path, archive: Archive) -> str:
    """Compare size and checksum; return the difference, or an empty text."""
    size = path.stat().st_size
    if archive.size and size != archive.size:
        return f"{size:,} bytes instead of {archive.size:,}"
    kind, _, digest = archive.checksum.partition(":")
    if kind:
        with path.open("rb") as file:
            actual = hashlib.file_digest(file, kind).hexdigest()
        if actual != digest:
            return f"{kind} {actual} instead of {digest}"
    return ""


class _HttpsOnly(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *arguments: Any) -> urllib.request.Request | None:
        request = super().redirect_request(*arguments)
        if request is not None and request.type != "https":
            raise urllib.error.URLError(f"redirected to {request.full_url}, not HTTPS")
        return request


def _opener() -> urllib.request.OpenerDirector:
    # Not build_opener: its handlers also accept HTTP, FTP and file addresses.
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
