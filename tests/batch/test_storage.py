"""Folders of text files, on disk and at addresses of `tf.io.gfile`."""

from __future__ import annotations

import pytest

from asr.batch.storage import Folder, copy_from, files_below
from asr.errors import DataError, OutputError


@pytest.fixture(params=["path", "address"])
def place(request, tmp_path):
    prefix = "file://" if request.param == "address" else ""
    return f"{prefix}{tmp_path}/out"


def test_a_file_is_complete_or_absent(place, tmp_path):
    folder = Folder(place)
    folder.make("rows")
    assert folder.read("rows/a.txt") is None
    folder.write("rows/a.txt", "é\n")
    folder.write("rows/a.txt", "ü\n")
    assert folder.read("rows/a.txt") == "ü\n"

    def stop(file):
        file.write("half")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt), folder.writer("rows/b.txt") as file:
        stop(file)
    assert [path.name for path in (tmp_path / "out" / "rows").iterdir()] == ["a.txt"]
    folder.remove("rows/a.txt")
    folder.remove("rows/a.txt")
    assert folder.read("rows/a.txt") is None


def test_a_file_without_a_line_is_made(place, tmp_path):
    folder = Folder(place)
    folder.make()
    with folder.writer("manifest.jsonl"):
        pass
    assert folder.read("manifest.jsonl") == ""


def test_what_cannot_be_written_is_an_output_error(place, tmp_path):
    (tmp_path / "out").write_text("a file")
    with pytest.raises(OutputError):
        Folder(place).make()
    with pytest.raises(OutputError):
        Folder(place).write("a.txt", "text")


def test_what_cannot_be_read_is_an_output_error(tmp_path):
    (tmp_path / "a.txt").write_bytes(b"\xff")
    with pytest.raises(OutputError, match="cannot read"):
        Folder(str(tmp_path)).read("a.txt")


def test_files_below_an_address(tmp_path):
    (tmp_path / "b").mkdir()
    for name in ("b/2.wav", "b/1.wav", "0.wav"):
        (tmp_path / name).write_text(name)
    address = f"file://{tmp_path}"
    names = ["0.wav", "b/1.wav", "b/2.wav"]
    assert list(files_below(address)) == [f"{address}/{name}" for name in names]
    copy_from(f"{address}/b/2.wav", tmp_path / "copy")
    assert (tmp_path / "copy").read_text() == "b/2.wav"
    with pytest.raises(DataError, match=r"cannot read file://.*missing"):
        copy_from(f"{address}/missing", tmp_path / "copy")
