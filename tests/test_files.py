"""Bundled files are found; written files are complete or absent."""

from __future__ import annotations

import errno
import os
import signal
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from asr import files
from asr.audio.io import find_audio, inspect
from asr.data.manifest import read_manifest
from asr.errors import ModelError, OutputError, RecipeError
from asr.files import (
    atomic_write,
    model_path,
    recipe_path,
    replaced_folder,
    walk,
    weights_of_models,
)


@pytest.fixture
def shipped(tmp_path, monkeypatch):
    """A share folder with two recipes and one model."""
    for name in ("an4.yaml", "librispeech/mini.yaml"):
        path = tmp_path / "share" / "recipes" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("name: x\n")
    models = tmp_path / "share" / "data" / "models"
    for name in ("english", "no-model"):
        (models / name).mkdir(parents=True)
    (models / "english" / "config.json").write_text("{}")
    monkeypatch.setattr(files, "_PACKAGE", tmp_path)
    monkeypatch.chdir(tmp_path)
    return tmp_path / "share"


def test_checkout_is_its_own_share(root):
    if (root / "asr" / "share").exists():
        pytest.skip("this is no checkout")
    assert files.share() == root


def test_wheel_has_its_share(shipped):
    assert files.share() == shipped
    assert files.models_dir() == shipped / "data" / "models"


@pytest.mark.parametrize("name", ["librispeech/mini", "librispeech/mini.yaml"])
def test_recipe_by_name(shipped, name):
    assert recipe_path(name) == shipped / "recipes" / "librispeech" / "mini.yaml"


def test_recipe_by_file_wins(shipped, tmp_path):
    own = tmp_path / "an4.yaml"
    own.write_text("name: own\n")
    assert recipe_path("an4.yaml") == Path("an4.yaml")
    assert recipe_path("an4") == shipped / "recipes" / "an4.yaml"


def test_mistyped_recipe_names_the_nearest(shipped):
    with pytest.raises(RecipeError, match=r"no recipe ann4; did you mean 'an4'\?"):
        recipe_path("ann4")


def test_unknown_recipe_lists_all(shipped):
    with pytest.raises(RecipeError, match="one of: an4, librispeech/mini"):
        recipe_path("zzzzzz")


def test_model_by_name_and_by_folder(shipped, tmp_path):
    assert list(files.bundled_models()) == ["english"]
    assert model_path("english") == shipped / "data" / "models" / "english"
    own = tmp_path / "own"
    own.mkdir()
    assert model_path(own) == own


def test_a_run_of_a_bundled_name_is_no_model(shipped, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    run = tmp_path / "english"
    run.mkdir()
    assert model_path("english") == shipped / "data" / "models" / "english"
    (run / "config.json").touch()
    assert model_path("english") == Path("english")


def test_a_run_folder_means_its_model(shipped, tmp_path):
    run = tmp_path / "runs" / "own"
    (run / "model").mkdir(parents=True)
    assert model_path(run) == run  # has no model yet
    (run / "model" / "config.json").touch()
    assert model_path("runs/own") == Path("runs/own/model")
    (run / "config.json").touch()  # a model folder itself
    assert model_path(run) == run


def test_unknown_model(shipped):
    with pytest.raises(ModelError, match=r"no model englsh; did you mean 'english'\?"):
        model_path("englsh")
    with pytest.raises(ModelError, match=r"no model \.\./data/models/english"):
        model_path("../data/models/english")


def test_no_models_at_all(tmp_path, monkeypatch):
    monkeypatch.setattr(files, "_PACKAGE", tmp_path / "asr")
    with pytest.raises(ModelError, match="there are none"):
        model_path("english")


def test_writes_text_and_bytes(tmp_path):
    with atomic_write(tmp_path / "a.txt") as file:
        file.write("né\n")
    with atomic_write(tmp_path / "b.bin", "wb") as file:
        file.write(b"\0\r\n")
    assert (tmp_path / "a.txt").read_bytes() == b"n\xc3\xa9\n"
    assert (tmp_path / "b.bin").read_bytes() == b"\0\r\n"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.txt", "b.bin"]


def test_respects_the_umask(tmp_path):
    before = os.umask(0o027)
    try:
        with atomic_write(tmp_path / "a.txt") as file:
            file.write("x")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "a.txt").stat().st_mode) == 0o640


def test_absent_until_complete(tmp_path):
    path = tmp_path / "a.txt"
    with atomic_write(path) as file:
        file.write("x")
        file.flush()
        assert not path.exists()
    assert path.read_text() == "x"


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_a_failed_block_leaves_the_old_file(tmp_path, error):
    path = tmp_path / "a.txt"
    path.write_text("old")

    def write():
        with atomic_write(path) as file:
            file.write("new")
            raise error

    with pytest.raises(error):
        write()
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_read_only_file_system_names_the_target(tmp_path, monkeypatch):
    def refuse(path, *_, **__):
        raise OSError(errno.EROFS, os.strerror(errno.EROFS), str(path))

    monkeypatch.setattr(Path, "open", refuse)
    monkeypatch.setattr(Path, "unlink", refuse)  # even of a file that is not there
    with pytest.raises(OutputError) as caught, atomic_write(tmp_path / "a.txt"):
        pass
    expected = f"cannot write {tmp_path / 'a.txt'}: Read-only file system"
    assert str(caught.value) == expected


@pytest.mark.parametrize(("number", "status"), [("SIGTERM", 143), ("SIGINT", 130)])
def test_an_ended_process_leaves_no_unfinished_file(tmp_path, number, status):
    program = (
        "import os, signal, sys, click\n"
        "from asr.cli import main\n"
        "from asr.files import atomic_write\n"
        "@click.command()\n"
        "def command():\n"
        "    with atomic_write(sys.argv[1]) as file:\n"
        "        file.write('new'); file.flush()\n"
        f"        os.kill(os.getpid(), signal.{number})\n"
        "main.cli.get_command = lambda *_: command\n"
        "sys.exit(main.main(['models']))\n"
    )
    path = tmp_path / "a.txt"
    result = subprocess.run(
        [sys.executable, "-c", program, path],
        check=False,
        # A shell starts what runs in the background without SIGINT.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )
    assert result.returncode == status
    assert list(tmp_path.iterdir()) == []


def test_a_killed_process_leaves_the_old_file(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("old")
    program = (
        "import os, signal, sys\n"
        "from asr.files import atomic_write\n"
        "with atomic_write(sys.argv[1]) as file:\n"
        "    file.write('new'); file.flush()\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    result = subprocess.run([sys.executable, "-c", program, path], check=False)
    assert result.returncode == -signal.SIGKILL
    assert path.read_text() == "old"


def test_replaces_what_a_link_points_to(tmp_path):
    (tmp_path / "real.txt").write_text("old")
    (tmp_path / "link.txt").symlink_to(tmp_path / "real.txt")
    with atomic_write(tmp_path / "link.txt") as file:
        file.write("new")
    assert (tmp_path / "link.txt").is_symlink()
    assert (tmp_path / "real.txt").read_text() == "new"


def test_a_name_of_full_length(tmp_path):
    path = tmp_path / ("x" * 255)
    with atomic_write(path) as file:
        file.write("x")
    assert path.exists()


def test_no_folder(tmp_path):
    path = tmp_path / "none" / "a.txt"
    with (
        pytest.raises(OutputError, match=r"cannot write .*a\.txt: No such file"),
        atomic_write(path),
    ):
        pytest.fail("the block must not run")


@pytest.mark.parametrize("name", ["/dev/null", "."])
def test_only_plain_files_are_replaced(name):
    with (
        pytest.raises(OutputError, match="not a plain file"),
        atomic_write(name),
    ):
        pytest.fail("the block must not run")


def test_full_disk(tmp_path, monkeypatch):
    path = tmp_path / "a.txt"
    path.write_text("old")

    def fsync(_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", fsync)
    with (
        pytest.raises(OutputError, match=r"a\.txt: No space left on device"),
        atomic_write(path) as file,
    ):
        file.write("new")
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_another_files_error_is_not_ours(tmp_path):
    with (
        pytest.raises(FileNotFoundError, match=r"other\.txt"),
        atomic_write(tmp_path / "a.txt") as file,
    ):
        file.write((tmp_path / "other.txt").read_text())
    assert list(tmp_path.iterdir()) == []


def test_samples_are_listed_and_small(samples):
    recordings = set(find_audio(samples))
    lists = ("manifest.jsonl", "people.jsonl")
    manifest = [item for name in lists for item in read_manifest(samples / name)]
    assert {item.audio for item in manifest} == recordings
    assert {inspect(item.audio).subtype for item in manifest} == {
        "PCM_16", "VORBIS", "OPUS", "MPEG_LAYER_III",
    }  # fmt: skip
    for item in manifest:
        assert inspect(item.audio).duration == pytest.approx(item.duration)
    assert sum(path.stat().st_size for path in recordings) < 500_000


def test_the_task_of_a_model(tmp_path):
    path = tmp_path / "config.json"
    path.write_text('{"task": "translation"}')
    assert files.model_task(tmp_path) == "translation"
    for content in ("{", "[1]", "{}"):
        path.write_text(content)
        with pytest.raises(ModelError, match="not a readable model configuration"):
            files.model_task(tmp_path)


def test_a_folder_nested_a_thousand_times(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    expected = 1200
    for _ in range(expected):  # relative names: the whole path is long
        Path("d").mkdir()
        monkeypatch.chdir("d")
    Path("leaf").touch()
    monkeypatch.chdir(tmp_path)
    walked = list(walk(tmp_path, pytest.fail))
    assert len(walked) == expected + 1
    assert walked[-1][2] == ["leaf"]
    for folder, _, names in reversed(walked):  # rmtree cannot
        for name in names:
            Path(folder, name).unlink()
        if Path(folder) != tmp_path:
            Path(folder).rmdir()


def test_walking_is_that_of_os_walk(tmp_path):
    for name in ("b/c", "a", "b/a/x"):
        (tmp_path / name).mkdir(parents=True)
        (tmp_path / name / "file").touch()
    (tmp_path / "a" / "loop").symlink_to(tmp_path)
    ours = {folder: set(names) for folder, _, names in walk(tmp_path, pytest.fail)}
    assert ours == {folder: set(names) for folder, _, names in os.walk(tmp_path)}


@pytest.mark.parametrize("name", ["x" * 10_000, "a/" * 10_000, "a\0b"])
def test_names_that_no_file_can_have(name):
    for find, error in ((model_path, ModelError), (recipe_path, RecipeError)):
        with pytest.raises(error, match=r"no (model|recipe) ") as caught:
            find(name)
        assert len(str(caught.value)) < 2000


def test_weights_of_models_and_of_their_language_models(tmp_path):
    found = weights_of_models("english", "none", str(tmp_path), "pronounce")
    folders = [path.parent.name for path in found]
    assert folders == ["english", "english-lm", "pronounce"]
    assert all(path.is_file() for path in found)


def test_a_replaced_folder_leaves_its_neighbours(tmp_path):
    for name in ("lm.v2", "lm.new", "lm.old"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "which").write_text(name)
    with replaced_folder(tmp_path / "lm.v2") as folder:
        folder.mkdir()
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "lm.new",
        "lm.old",
        "lm.v2",
    ]
    assert [path.name for path in tmp_path.glob("*/which")] == ["which"] * 2
    assert not (tmp_path / "lm.v2" / "which").exists()


def test_a_folder_stays_when_its_replacement_fails(tmp_path):
    (tmp_path / "lm").mkdir()
    (tmp_path / "lm" / "which").write_text("old")
    with pytest.raises(FileNotFoundError), replaced_folder(tmp_path / "lm"):
        (tmp_path / "missing").read_text()
    assert [path.name for path in tmp_path.iterdir()] == ["lm"]
    assert (tmp_path / "lm" / "which").read_text() == "old"
