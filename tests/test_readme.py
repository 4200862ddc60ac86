"""The README: short, its commands run, and what it shows is what they print."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from itertools import pairwise

import pytest

BLOCK = re.compile(r"```(\w+)\n(.*?)```", re.DOTALL)


@pytest.fixture(scope="module")
def readme(root):
    return (root / "README.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def shell(root, tmp_path_factory):
    """Run a command of the README; `asr` is the checkout, `pip` does nothing."""
    folder = tmp_path_factory.mktemp("readme")
    for name, line in (
        ("asr", f'exec {sys.executable} -m asr "$@"'),
        ("pip", "exit 0"),
        ("pytest", "exit 0"),
    ):
        program = folder / name
        program.write_text(f"#!/bin/sh\n{line}\n")
        program.chmod(0o755)

    def run(command, **variables):
        environment = {
            **os.environ,
            "PATH": f"{folder}:{os.environ['PATH']}",
            "PYTHONPATH": str(root),
            "TF_CPP_MIN_LOG_LEVEL": "3",
            **variables,
        }
        return subprocess.run(
            ["/bin/sh", "-ec", command],
            cwd=root,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )

    return run


def test_it_is_short(readme):
    assert len(readme.splitlines()) <= 120
    assert len(readme.split()) <= 900


def sentences(page):
    """Sentences of a page, without code, tables and the targets of links."""
    prose = BLOCK.sub("", page)
    prose = re.sub(r"^(\||#).*$", "\n", prose, flags=re.MULTILINE)
    prose = re.sub(r"\]\([^)]*\)", "]", prose)
    return [
        x for part in prose.split("\n\n") for x in re.split(r"(?<=[.?!:;])\s", part)
    ]


def test_sentences_are_short(readme):
    assert max(len(sentence.split()) for sentence in sentences(readme)) <= 30


def test_commands_print_what_is_shown(readme, shell):
    blocks = BLOCK.findall(readme)
    shown = {
        command: output
        for (kind, command), (next_kind, output) in pairwise(blocks)
        if kind == "sh" and next_kind == "text"
    }
    assert shown
    for command, output in shown.items():
        ended = shell(command)
        assert (ended.returncode, ended.stdout) == (0, output), ended.stderr


def test_the_python_example_runs(readme, root, monkeypatch, capsys):
    (code,) = (code for kind, code in BLOCK.findall(readme) if kind == "python")
    monkeypatch.chdir(root)
    exec(code, {})
    words = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert [word for _, word, _ in words] == (
        ["THIS", "ALSO", "BECAME", "PART", "OF", "THE", "DAILY", "SCHEDULE"]
    )
    assert all(0 < float(sure) <= 1 for *_, sure in words)


def test_the_training_runs(readme, shell, speech_data, tmp_path):
    """One epoch of it, on the corpus where it is."""
    corpus = speech_data / "free-spoken-digit"
    if not corpus.is_dir():
        pytest.skip("no Free Spoken Digit in ASR_DATA")
    (command,) = re.findall(r"^asr run .+$", readme, re.MULTILINE)
    output = command.split()[-1]
    (tmp_path / "speech").mkdir()
    shutil.copytree(corpus, tmp_path / "speech" / "free-spoken-digit", symlinks=True)
    changed = command.replace(output, str(tmp_path / "run"))
    ended = shell(f"{changed} --set train.epochs=1", ASR_DATA=str(tmp_path))
    assert ended.returncode == 0, ended.stderr[-2000:]
    assert (tmp_path / "run" / "model" / "SHA256SUMS").is_file()


def test_all_blocks_are_tested(readme):
    kinds = [kind for kind, _ in BLOCK.findall(readme)]
    assert kinds == ["sh", "text", "python", "sh", "sh"]
