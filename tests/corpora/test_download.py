"""Downloads from a local HTTPS server with faults."""

from __future__ import annotations

import errno
import hashlib
import random
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from asr.corpora import download
from asr.corpora.download import Archive, fetch, fetch_all
from asr.errors import DataError, OutputError
from tests.https_server import Server

CONTENT = random.Random(1).randbytes(700_000)
SHA256 = f"sha256:{hashlib.sha256(CONTENT).hexdigest()}"
MD5 = f"md5:{hashlib.md5(CONTENT).hexdigest()}"


@pytest.fixture
def server(https_server: Server) -> Server:
    https_server.content = CONTENT
    return https_server


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "downloads"


def archive(server: Server, **changes: Any) -> Archive:
    given = {"size": len(CONTENT), "checksum": SHA256} | changes
    return Archive(f"{server.base}/corpus.tar.gz", **given)


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir()) if folder.exists() else []


@pytest.mark.parametrize("changes", [{}, {"checksum": MD5}, {"size": 0}])
def test_a_file_is_complete(server: Server, folder: Path, changes: dict) -> None:
    seen: list[int] = []
    path = fetch(archive(server, **changes), folder, progress=seen.append)
    assert path == folder / "corpus.tar.gz"
    assert path.read_bytes() == CONTENT
    assert names(folder) == ["corpus.tar.gz"]
    assert sum(seen) == len(CONTENT)


def test_a_complete_file_is_not_fetched_again(server: Server, folder: Path) -> None:
    fetch(archive(server), folder)
    seen: list[int] = []
    fetch(archive(server), folder, progress=seen.append)
    assert len(server.asked) == 1
    assert sum(seen) == len(CONTENT)


def test_a_wrong_file_is_fetched_again(server: Server, folder: Path) -> None:
    folder.mkdir()
    (folder / "corpus.tar.gz").write_bytes(b"an error page")
    assert fetch(archive(server), folder).read_bytes() == CONTENT


@pytest.mark.parametrize("size", [len(CONTENT), 0])
def test_a_cut_connection_is_resumed(server: Server, folder: Path, size: int) -> None:
    server.cut_after = 100_000
    seen: list[int] = []
    path = fetch(archive(server, size=size), folder, progress=seen.append)
    assert path.read_bytes() == CONTENT
    assert server.asked == [None, *(f"bytes={n}00000-" for n in range(1, 7))]
    assert sum(seen) == len(CONTENT)


def test_a_killed_download_is_resumed(server: Server, folder: Path) -> None:
    folder.mkdir()
    (folder / "corpus.tar.gz.part").write_bytes(CONTENT[:123_456])
    assert fetch(archive(server), folder).read_bytes() == CONTENT
    assert server.asked == ["bytes=123456-"]


def test_a_server_without_ranges_begins_again(server: Server, folder: Path) -> None:
    server.ranges = False
    folder.mkdir()
    (folder / "corpus.tar.gz.part").write_bytes(b"x" * 123_456)
    seen: list[int] = []
    path = fetch(archive(server), folder, progress=seen.append)
    assert path.read_bytes() == CONTENT
    assert sum(seen) == len(CONTENT)


@pytest.mark.parametrize("length", [123_456, len(CONTENT), len(CONTENT) + 5])
def test_a_wrong_part_is_discarded(server: Server, folder: Path, length: int) -> None:
    folder.mkdir()
    (folder / "corpus.tar.gz.part").write_bytes(b"x" * length)
    seen: list[int] = []
    path = fetch(archive(server), folder, progress=seen.append)
    assert path.read_bytes() == CONTENT
    assert server.asked[-1] is None
    assert sum(seen) == len(CONTENT)


@pytest.mark.parametrize(
    ("lie", "message"),
    [
        ({"content": CONTENT[:-1] + b"x"}, "sha256 .* instead of"),
        ({"content": CONTENT + b"more"}, "700,004 bytes instead of 700,000"),
        ({"content": CONTENT[:1000]}, "the connection was cut"),
        ({"claimed": 10**12, "cut_after": 0}, "the connection was cut"),
        ({"claimed": 10}, "the connection was cut"),
        ({"status": 404}, "HTTP status 404"),
        ({"status": 500}, "HTTP status 500"),
        ({"redirect": "http://localhost/corpus.tar.gz"}, "not HTTPS"),
        ({"redirect": "file:///etc/passwd"}, "HTTP status 302"),
    ],
)
def test_a_faulty_server(server: Server, folder: Path, lie: dict, message: str) -> None:
    for name, value in lie.items():
        setattr(server, name, value)
    with pytest.raises(DataError, match=message) as caught:
        fetch(archive(server), folder)
    assert str(caught.value).startswith("corpus.tar.gz: cannot be fetched (localhost")
    assert "\n" not in str(caught.value)
    assert "corpus.tar.gz" not in names(folder)
    assert len(server.asked) <= 2 * download._TRIES


def test_only_https(server: Server, folder: Path) -> None:
    insecure = Archive("http://localhost/a.tar", 3, SHA256)
    with pytest.raises(DataError, match="cannot be fetched"):
        fetch(insecure, folder)
    assert names(folder) == []


def test_an_unknown_certificate(
    server: Server, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SSL_CERT_FILE")
    with pytest.raises(DataError, match="CERTIFICATE_VERIFY_FAILED"):
        fetch(archive(server), folder)
    assert names(folder) == []


def test_a_mirror_is_used(server: Server, folder: Path) -> None:
    mirror = f"{server.base}/corpus.tar.gz"
    given = Archive(
        f"{server.base.replace('localhost', 'nowhere.invalid')}/corpus.tar.gz",
        len(CONTENT),
        SHA256,
        (mirror,),
    )
    assert fetch(given, folder).read_bytes() == CONTENT


def test_without_a_checksum_only_on_demand(server: Server, folder: Path) -> None:
    unknown = archive(server, checksum="", size=0)
    with pytest.raises(DataError, match="--no-verify"):
        fetch(unknown, folder)
    assert server.asked == []
    assert fetch(unknown, folder, verify=False).read_bytes() == CONTENT


def test_several_at_once(server: Server, folder: Path) -> None:
    many = [
        Archive(f"{server.base}/{name}.tar", len(CONTENT), SHA256) for name in "abcde"
    ]
    paths = list(fetch_all(many, folder))
    assert [path.name for path in paths] == [f"{name}.tar" for name in "abcde"]
    assert all(path.read_bytes() == CONTENT for path in paths)
    bad = [archive(server, checksum="md5:0"), *many]
    with pytest.raises(DataError, match="md5"):
        list(fetch_all(bad, folder))


def test_a_file_that_is_shorter_than_pinned_ends(server: Server, folder: Path) -> None:
    with pytest.raises(DataError, match="cannot be fetched"):
        fetch(archive(server, size=len(CONTENT) + 10**6), folder)
    assert len(server.asked) < 20


def test_a_stopped_download_sends_no_request(server: Server, folder: Path) -> None:
    stop = threading.Event()
    stop.set()
    with pytest.raises(DataError, match="stopped"):
        fetch(archive(server), folder, stop=stop)
    assert server.asked == []


def test_a_failure_stops_the_others(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stopped = []

    def one(given: Archive, *_: Any, stop: threading.Event, **__: Any) -> Path:
        if given.name == "a.tar":
            raise DataError("broken")
        stopped.append(stop.wait(60))
        return folder / given.name

    monkeypatch.setattr(download, "fetch", one)
    start = time.monotonic()
    with pytest.raises(DataError, match="broken"):
        list(fetch_all([Archive(f"https://x/{name}.tar") for name in "abc"], folder))
    assert time.monotonic() - start < 30
    assert all(stopped)


def test_a_full_disk_is_an_output_error(
    server: Server, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.raises(OutputError, match="No space left"):
        fetch(archive(server), folder, progress=lambda n: full(n) if n else None)


def test_no_room(server: Server, folder: Path) -> None:
    with pytest.raises(OutputError, match="are free"):
        fetch(archive(server, size=10**18), folder)
    assert server.asked == []


def test_a_folder_that_cannot_be_written(server: Server, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="file"):
        fetch(archive(server), tmp_path / "file" / "below")
