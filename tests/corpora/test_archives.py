"""Extraction of valid, damaged and hostile archives."""

from __future__ import annotations

import errno
import io
import random
import stat
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from asr.corpora import archives
from asr.corpora.archives import extract
from asr.errors import DataError, OutputError

FILES = {"corpus/README": b"read me", "corpus/a/1.wav": b"one", "corpus/b/2.wav": b""}


def tar(path: Path, files: dict[str, bytes], mode: str = "w:gz") -> Path:
    with tarfile.open(path, mode) as archive:
        for name, content in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return path


def special(path: Path, **changes: object) -> Path:
    """Write a plain file and a special one."""
    with tarfile.open(path, "w") as archive:
        for name in ("corpus/1.wav", "corpus/2.wav"):
            info = tarfile.TarInfo(name)
            info.size = 3
            if name == "corpus/2.wav":
                for key, value in changes.items():
                    setattr(info, key, value)
            archive.addfile(info, io.BytesIO(b"abc"))
    return path


def endless(path: Path) -> Path:
    """Write a header that announces more bytes than the file has."""
    info = tarfile.TarInfo("readme")
    info.size = 2**62
    path.write_bytes(info.tobuf(tarfile.GNU_FORMAT) + bytes(1024))
    return path


def zipped(path: Path, files: dict[str, bytes], mode: int = stat.S_IFREG) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            info = zipfile.ZipInfo(name)
            info.external_attr = (mode | 0o644) << 16
            archive.writestr(info, content, zipfile.ZIP_DEFLATED)
    return path


def everything(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if not path.is_dir()
    }


@pytest.mark.parametrize("mode", ["w", "w:gz", "w:bz2", "w:xz"])
def test_a_tar_is_unpacked(tmp_path: Path, mode: str) -> None:
    target = tmp_path / "new" / "folder"
    found = extract(tar(tmp_path / "a.tar", FILES, mode), target)
    assert found == [target / name for name in FILES]
    assert everything(target) == FILES


def test_a_zip_is_unpacked(tmp_path: Path) -> None:
    extract(zipped(tmp_path / "a.zip", FILES), tmp_path / "out")
    assert everything(tmp_path / "out") == FILES


def test_archives_share_folders(tmp_path: Path) -> None:
    extract(tar(tmp_path / "1.tar", FILES), tmp_path / "out")
    more = {"corpus/README": b"read me", "corpus/c/3.wav": b"three"}
    extract(tar(tmp_path / "2.tar", more), tmp_path / "out")
    assert everything(tmp_path / "out") == FILES | more


def test_existing_files_are_kept(tmp_path: Path) -> None:
    extract(tar(tmp_path / "1.tar", FILES), tmp_path / "out")
    other = {"corpus/a0.wav": b"new", "corpus/README": b"other"}
    extract(tar(tmp_path / "2.tar", other), tmp_path / "out")
    assert everything(tmp_path / "out") == FILES | {"corpus/a0.wav": b"new"}
    with pytest.raises(OutputError, match="exists, as file or as folder"):
        extract(tar(tmp_path / "3.tar", {"corpus/a": b"a file"}), tmp_path / "out")
    assert everything(tmp_path / "out") == FILES | {"corpus/a0.wav": b"new"}


Make = Callable[[Path], Path]
HOSTILE: dict[str, tuple[Make, str]] = {
    "inside": (
        lambda path: tar(path, {"b": b"x", "a/../b": b"y"}), "as file and as folder"
    ),
    "above": (lambda path: tar(path, {"a/../../evil": b"x"}), "outside"),
    "absolute": (lambda path: tar(path, {"/tmp/asr-evil": b"x"}), "unsafe name"),
    "backslash": (lambda path: tar(path, {"..\\evil": b"x"}), "unsafe name"),
    "drive": (lambda path: tar(path, {"C:evil": b"x"}), "unsafe name"),
    "nameless": (lambda path: tar(path, {".": b"x"}), "unsafe name"),
    "twice": (lambda path: tar(path, {"a/B": b"x", "a/b": b"y"}), "twice"),
    "file and folder": (
        lambda path: tar(path, {"a": b"x", "a/b": b"y"}), "as file and as folder"
    ),
    "symbolic link": (
        lambda path: special(path, type=tarfile.SYMTYPE, size=0, linkname="/etc"),
        "link or device",
    ),
    "hard link": (
        lambda path: special(
            path, type=tarfile.LNKTYPE, size=0, linkname="corpus/1.wav"
        ),
        "link or device",
    ),
    "device": (
        lambda path: special(path, type=tarfile.CHRTYPE, size=0), "link or device"
    ),
    "pipe": (
        lambda path: special(path, type=tarfile.FIFOTYPE, size=0), "link or device"
    ),
    "bomb": (
        lambda path: tar(path, {"a": b"x", "zeros": bytes(200_000_000)}),
        "more than .* bytes",
    ),
    "endless": (endless, "more than .* bytes"),
    "zip above": (lambda path: zipped(path, {"../evil": b"x"}), "outside"),
    "zip absolute": (lambda path: zipped(path, {"/evil": b"x"}), "unsafe name"),
    "zip link": (
        lambda path: zipped(path, {"a": b"/etc"}, stat.S_IFLNK), "link or device"
    ),
    "zip bomb": (
        lambda path: zipped(path, {"zeros": bytes(200_000_000)}), "more than .* bytes"
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", HOSTILE)
def test_hostile_archives_are_refused(tmp_path: Path, case: str) -> None:
    make, message = HOSTILE[case]
    target = tmp_path / "out"
    target.mkdir()
    before = set(tmp_path.parent.iterdir())
    with pytest.raises(DataError, match=message) as caught:
        extract(make(tmp_path / "archive"), target)
    assert "\n" not in str(caught.value)
    assert list(target.iterdir()) == []
    assert set(tmp_path.parent.iterdir()) == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["archive", "out"]
    assert not Path("/tmp/asr-evil").exists()


def test_a_full_disk_is_an_output_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(archives, "_write", full)
    with pytest.raises(OutputError, match="No space left"):
        extract(tar(tmp_path / "a.tar", FILES), tmp_path / "out")


def test_a_damaged_zip(tmp_path: Path) -> None:
    path = zipped(tmp_path / "a.zip", {"a.wav": random.Random(1).randbytes(5000)})
    content = bytearray(path.read_bytes())
    content[60:200] = bytes(140)
    path.write_bytes(content)
    with pytest.raises(DataError, match="damaged"):
        extract(path, tmp_path / "out")


def test_too_many_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archives, "MAX_ENTRIES", 2)
    with pytest.raises(DataError, match="more than 2 entries"):
        extract(tar(tmp_path / "a.tar", FILES), tmp_path / "out")


@pytest.mark.parametrize("cut", [0, 30, 100, 300])
def test_a_damaged_archive_leaves_nothing(tmp_path: Path, cut: int) -> None:
    content = {f"corpus/{n}.wav": random.Random(n).randbytes(500) for n in range(20)}
    path = tar(tmp_path / "a.tar.gz", content)
    whole = path.read_bytes()
    path.write_bytes(whole[:cut] if cut else b"no archive at all")
    with pytest.raises(DataError, match="damaged"):
        extract(path, tmp_path / "out")
    assert list((tmp_path / "out").iterdir()) == []


def test_folders_are_counted(tmp_path, monkeypatch):
    monkeypatch.setattr(archives, "MAX_ENTRIES", 6)
    path = tmp_path / "folders.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for number in range(7):
            archive.mkdir(str(number))
    with pytest.raises(DataError, match="more than 6 entries"):
        extract(path, tmp_path / "out")


def test_leading_folders_are_stripped(tmp_path: Path) -> None:
    path = tar(tmp_path / "a.tar", {"README": b"top", **FILES})
    extract(path, tmp_path / "out", strip=1)
    stripped = {name.removeprefix("corpus/"): x for name, x in FILES.items()}
    assert everything(tmp_path / "out") == stripped
    above = tar(tmp_path / "b.tar", {"a/../../evil": b"x"})
    with pytest.raises(DataError, match="outside"):
        extract(above, tmp_path / "out", strip=1)
    assert everything(tmp_path / "out") == stripped
