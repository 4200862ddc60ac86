"""Versions, machine and revision that a result depends on."""

from __future__ import annotations

import shutil
import subprocess

import pytest

from asr.training import environment
from asr.training.environment import git_revision


def test_what_it_says(monkeypatch):
    monkeypatch.setenv("ASR_DATA", "/corpora")
    found = environment.environment()
    assert found["data"] == "/corpora"
    assert found["asr"]
    assert found["packages"]["numpy"]
    assert found["time"].endswith("+00:00")


def test_revision(tmp_path, monkeypatch):
    git = shutil.which("git")
    if git is None:
        pytest.skip("there is no git here")
    assert git_revision(tmp_path) is None

    def call(*arguments):
        command = [git, "-C", tmp_path, "-c", "user.name=a", "-c", "user.email=b"]
        result = subprocess.run(
            [*command, *arguments], check=True, capture_output=True, text=True
        )
        return result.stdout.strip()

    call("init")
    assert git_revision(tmp_path) is None  # nothing is committed
    (tmp_path / "file").write_text("1")
    call("add", "file")
    call("commit", "-m", "one")
    revision = call("rev-parse", "HEAD")
    assert git_revision(tmp_path) == revision
    (tmp_path / "file").write_text("2")
    assert git_revision(tmp_path) == revision + "+"
    monkeypatch.setattr(shutil, "which", lambda _: None)
    assert git_revision(tmp_path) is None
