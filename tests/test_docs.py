"""Code and paths of the documentation."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys

import numpy as np
import pytest
import soundfile

import asr
from asr.config.schema import (
    BATCH_SECONDS,
    LANGUAGE_MODEL,
    LINES,
    DataConfig,
    Recipe,
    SourceConfig,
)
from tests.script_module import script_module


def test_the_page_of_a_new_task_runs(root, tmp_path):
    page = (root / "docs" / "your-own-task.md").read_text(encoding="utf-8")
    files = re.findall(r"```(?:python|yaml)\n# (\S+)\n(.*?)```", page, re.DOTALL)
    assert [name for name, _ in files] == ["dates.py", "dates.yaml"]
    for name, content in files:
        (tmp_path / name).write_text(content, encoding="utf-8")
    environment = {
        **os.environ,
        "ASR_DATA": "/nowhere",
        "PYTHONPATH": str(root),
        "TF_CPP_MIN_LOG_LEVEL": "3",
    }
    command, *_ = re.findall(r"```sh\n(.*?)\n```", page, re.DOTALL)
    ended = subprocess.run(
        ["/bin/sh", "-c", command.replace("python", sys.executable)],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr[-2000:]
    assert ended.stdout == "1994-03-07\n"
    assert (tmp_path / "runs" / "dates" / "model" / "SHA256SUMS").is_file()


def code_of(page):
    return re.findall(r"```python\n(.*?)```", page, re.DOTALL)


def test_the_tutorial_runs(root, tmp_path):
    page = (root / "docs" / "tutorial.md").read_text(encoding="utf-8")
    pictures = re.findall(r"!\[.*?\]\((tutorial/.*?\.png)\)", page)
    (tmp_path / "docs" / "tutorial").mkdir(parents=True)
    (tmp_path / "data").symlink_to(root / "data")
    told = "import json; print(json.dumps([forgetful, remembering]))"
    environment = {**os.environ, "PYTHONPATH": str(root), "TF_CPP_MIN_LOG_LEVEL": "3"}
    ended = subprocess.run(
        [sys.executable, "-c", "\n".join([*code_of(page), told])],
        cwd=tmp_path / "docs",
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr[-2000:]
    *_, last = ended.stdout.splitlines()
    forgetful, remembering = json.loads(last)
    assert max(forgetful[-2:]) < 0.1 < 0.3 < min(remembering[-2:])
    shares = re.findall(r"right ([\d.]+)", ended.stdout)
    assert len(shares) == 2
    assert min(map(float, shares)) > 0.5
    assert "Monday, March 7, 1994 -> lundi 7 mars 1994" in ended.stdout
    for name in pictures:
        assert (tmp_path / "docs" / name).is_file()
    drawn = {f"tutorial/{it.name}" for it in (root / "docs" / "tutorial").iterdir()}
    assert drawn == set(pictures)


def test_the_tutorial_has_short_blocks_and_is_a_notebook(root):
    page = (root / "docs" / "tutorial.md").read_text(encoding="utf-8")
    blocks = code_of(page)
    assert max(block.count("\n") for block in blocks) <= 20
    text = (root / "docs" / "tutorial.ipynb").read_text(encoding="utf-8")
    cells = json.loads(text)["cells"]
    code = ["".join(it["source"]) for it in cells if it["cell_type"] == "code"]
    assert code == [block.strip("\n") for block in blocks]


def test_the_python_page_runs(
    root, tiny_run, tones, all_speech, monkeypatch, tmp_path, capsys
):
    page = (root / "docs" / "python.md").read_text(encoding="utf-8")
    code = "\n".join(code_of(page))
    shutil.copy(tones / "clip00.wav", tmp_path / "talk.flac")  # told by its content
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ASR_DATA", str(tmp_path))
    (tmp_path / "texts.txt").write_text("AB CDE\nCDE AB\n")
    sources = (SourceConfig("texts.txt", LINES),)
    data = DataConfig(train=sources, characters=" ABCDE")
    recipe = Recipe(task=LANGUAGE_MODEL, data=data)
    asr.train_language_model(recipe, tmp_path / "runs" / "mine-lm-phones")
    code = code.replace("RIVER BANK", "AB")
    names: dict[str, object] = {}
    exec(code.replace('"english"', repr(str(tiny_run / "model"))), names)
    printed = capsys.readouterr().out
    # Other decoding settings may give another text.
    assert printed.count(names["transcript"].text) in (7, 8)
    assert "not read: gone.flac: No such file" in printed
    assert names["subtitles"].startswith("1\n00:00:")


def test_the_default_batch_is_documented(root):
    for name in ("docs/python.md", "asr/inference/options.py"):
        text = (root / name).read_text(encoding="utf-8")
        (line,) = [line for line in text.splitlines() if "decoded at once" in line]
        assert f"{BATCH_SECONDS:g}" in line


PAGES = ("README.md", "CONTRIBUTING.md", "*/README.md", "docs/*.md")


def paths_of(page: str) -> set[str]:
    """Return the Python files that a page names, and the modules as files."""
    files = set(re.findall(r"`((?:\w+/)+\w+\.py)`", page))
    modules = re.findall(r"\b(?:from|import) (asr(?:\.\w+)+)|`(asr(?:\.\w+)+)`", page)
    return files | {"".join(pair).replace(".", "/") for pair in modules}


def exists(root, path: str) -> bool:
    bases = (root, root / "asr", root / "recipes")
    if path.endswith(".py"):
        return any((base / path).is_file() for base in bases)
    # The last parts of a dotted name may be names inside a module.
    parts = path.split("/")
    names = {*asr.__all__, *vars(asr)} if len(parts) == 2 else set()
    return parts[1] in names or any(
        (root / "/".join(parts[:end])).with_suffix(".py").is_file()
        or defines(root / "/".join(parts[:end]), parts[end:])
        for end in range(len(parts), 1, -1)
    )


def defines(package, names: list[str]) -> bool:
    """Tell whether a package is there, and names the first of some names."""
    if not package.is_dir() or not names:
        return package.is_dir()
    content = (package / "__init__.py").read_text(encoding="utf-8")
    return names[0] in re.findall(r"\w+", content)


@pytest.mark.parametrize("pattern", PAGES)
def test_named_modules_exist(root, pattern):
    for page in sorted(root.glob(pattern)):
        named = paths_of(page.read_text(encoding="utf-8"))
        missing = {path for path in named if not exists(root, path)}
        assert not missing, page


def test_a_missing_module_is_found(root):
    page = "`asr.audio.vad`, `asr.load`, `model/gru.py`, `asr.gone.vad`, `gone/gru.py`"
    missing = {path for path in paths_of(page) if not exists(root, path)}
    assert missing == {"asr/gone/vad", "gone/gru.py"}


def test_the_made_pages_are_up_to_date(root):
    module = script_module("make_pages.py", "docs")
    for name, make in module.PAGES.items():
        page = (root / "docs" / name).read_text(encoding="utf-8")
        assert page == make(), f"run python docs/make_pages.py: {name}"


def links_of(page: str) -> set[str]:
    """Return the files that a page links to, without anchors and addresses."""
    prose = re.sub(r"```.*?```|`[^`\n]*`", "", page, flags=re.DOTALL)
    targets = re.findall(r"\]\(([^)#\s]+)(?:#[^)\s]*)?\)", prose)
    return {target for target in targets if not re.match(r"\w+:", target)}


@pytest.mark.parametrize("pattern", [*PAGES, "SECURITY.md", "data/models/*/README.md"])
def test_links_lead_to_files(root, pattern):
    pages = sorted(root.glob(pattern))
    assert pages
    for page in pages:
        targets = links_of(page.read_text(encoding="utf-8"))
        missing = {it for it in targets if not (page.parent / it).exists()}
        assert not missing, page


def test_all_pages_are_in_the_navigation(root):
    site = (root / "mkdocs.yml").read_text(encoding="utf-8")
    for page in (root / "docs").glob("*.md"):
        assert f": {page.name}\n" in site
    for card in (root / "data" / "models").glob("*/README.md"):
        assert f": models/{card.parent.name}.md\n" in site


@pytest.fixture
def quickstart(root):
    page = (root / "docs" / "quickstart.md").read_text(encoding="utf-8")
    blocks = re.findall(r"```sh\n(.*?)```", page, re.DOTALL)
    return "".join(blocks).splitlines()


def test_the_quickstart_runs(quickstart, root, samples, tmp_path):
    (tmp_path / "data").symlink_to(root / "data")
    shutil.copy(samples / "friends.mp3", tmp_path / "talk.mp3")
    (tmp_path / "names.txt").write_text("Kowalczyk\n", encoding="utf-8")
    speech, rate = soundfile.read(samples / "river.wav")
    soundfile.write(tmp_path / "call.wav", np.stack([speech, 0 * speech], 1), rate)
    training = re.compile(r"asr (run|prepare|train|evaluate) ")
    commands = [x for x in quickstart if x.startswith("asr ") and not training.match(x)]
    assert len(commands) > 8
    for command in commands:
        ended = subprocess.run(
            ["/bin/sh", "-c", command.replace("asr", f"{sys.executable} -m asr", 1)],
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": str(root)},
            capture_output=True,
            text=True,
            check=False,
        )
        assert ended.returncode == 0, (command, ended.stderr)
    assert (tmp_path / "texts" / "schedule.srt").is_file()
