"""What is installed from a wheel works by itself, away from the checkout."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

import pytest

import asr
from asr.data.manifest import read_manifest
from asr.metrics.wer import score
from asr.text.normalizers import normalizer

MODEL = Path("data/models/english")


@pytest.fixture(scope="module")
def wheel(root, tmp_path_factory) -> Path:
    """The project's wheel, built from the checkout."""
    folder = tmp_path_factory.mktemp("dist")
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", folder],
        cwd=root,
        check=True,
        capture_output=True,
    )
    (built,) = folder.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def installed(wheel, tmp_path_factory) -> Path:
    """A venv with the wheel; its dependencies are those of this environment."""
    venv = tmp_path_factory.mktemp("elsewhere") / "venv"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", venv], check=True)
    python = venv / "bin" / "python"
    pip = [sys.executable, "-m", "pip", "--python", python, "--quiet", "install"]
    subprocess.run([*pip, "--no-deps", "--no-index", wheel], check=True)
    # A path in a .pth file comes after the venv's own packages: asr is the wheel's.
    (packages,) = venv.glob("lib/python3.*/site-packages")
    here = {sysconfig.get_path("purelib"), sysconfig.get_path("platlib")}
    (packages / "dependencies.pth").write_text("\n".join(sorted(here)) + "\n")
    return venv


@pytest.fixture
def elsewhere(installed, tmp_path):
    """Run a program of the venv in an empty folder, as a user's shell would."""
    environment = {
        name: value
        for name, value in os.environ.items()
        if name not in ("PYTHONPATH", "TF_CPP_MIN_LOG_LEVEL")
    }

    def call(program: str, *arguments: object) -> str:
        result = subprocess.run(
            [installed / "bin" / program, *map(str, arguments)],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert (result.returncode, result.stderr) == (0, "")
        return result.stdout

    return call


def test_only_the_package_reaches_site_packages(wheel, root):
    names = zipfile.ZipFile(wheel).namelist()
    tops = {name.split("/")[0] for name in names}
    assert tops == {"asr", f"asr_attention-{asr.__version__}.dist-info"}
    data = {"asr/py.typed", "asr/reports/report.css", "asr/reports/report.js"}
    assert data <= set(names)
    for folder in ("recipes", "data"):
        shipped = {
            f"asr/share/{path.relative_to(root)}"
            for path in (root / folder).rglob("*")
            if path.is_file() and "__pycache__" not in path.parts
        }
        assert shipped
        assert shipped <= set(names)
    assert not [name for name in names if name.endswith(".pyc")]


def test_it_is_the_wheel_that_runs(elsewhere, installed):
    found = Path(elsewhere("python", "-c", "import asr; print(asr.__file__)").strip())
    assert found.is_relative_to(installed)
    assert elsewhere("asr", "--version") == f"asr {asr.__version__}\n"
    assert elsewhere("python", "-m", "asr", "--version").startswith("asr ")


def test_shipped_files_are_found(elsewhere):
    program = (
        "from asr import files\n"
        "print(files.recipe_path('an4'))\n"
        "print(files.share() / 'data' / 'samples')\n"
    )
    recipe, samples = elsewhere("python", "-c", program).split()
    assert "asr/share/recipes/" in recipe
    assert "rate: 22050\n" in elsewhere("asr", "info", f"{samples}/morning.flac")


def test_transcribes_the_samples(elsewhere, root, samples):
    if not (root / MODEL).is_dir():
        pytest.skip(f"there is no bundled model in {MODEL} yet")
    out = elsewhere("asr", "transcribe", samples)
    heard = dict(line.split(": ", 1) for line in out.splitlines())
    spoken, read = (
        {str(item.audio): item.text for item in read_manifest(samples / name)}
        for name in ("manifest.jsonl", "people.jsonl")
    )
    assert heard.keys() == spoken.keys() | read.keys()
    bare = normalizer("librispeech-1")
    texts = list(read.values()), [bare(heard[name]) for name in read]
    assert score(*texts).wer < 0.05
    # A synthetic voice is none that the model has learnt from.
    texts = list(spoken.values()), [bare(heard[name]) for name in spoken]
    assert score(*texts).cer < 0.5


def test_writes_a_title(elsewhere, samples):
    (title,) = elsewhere("asr", "summarize", samples / "abstract.txt").splitlines()
    assert "peech" in title


def test_translates(elsewhere):
    (text,) = elsewhere("asr", "translate", "Where is the station?").splitlines()
    assert text == "Où est la gare ?"


def test_bundled_models_are_small(root):
    folders = [path.parent for path in (root / "data/models").glob("*/SHA256SUMS")]
    names = {"english", "english-lm", "en-fr", "pronounce", "title", "restore"}
    assert {folder.name for folder in folders} == names
    for folder in folders:
        largest = 35e6 if folder.name == "english-lm" else 20e6
        assert sum(file.stat().st_size for file in folder.iterdir()) < largest
        card = (folder / "README.md").read_text(encoding="utf-8")
        for heading in ("## Scores", "## Data and licence", "## Limits"):
            assert heading in card
        assert "@@" not in card  # a place that was to be filled in


def test_ci_runs_the_readmes_second_command(root):
    readme = (root / "README.md").read_text(encoding="utf-8")
    first, second = re.findall(r"^pip install .+ && .+$", readme, re.MULTILINE)
    script = (root / ".ci" / "run").read_text(encoding="utf-8").splitlines()
    assert second in script
    assert (root / first.split()[-1]).is_file()


def test_the_revision_of_the_checkout(wheel, root, elsewhere):
    from asr.training.environment import git_revision

    expected = git_revision(root)
    names = zipfile.ZipFile(wheel).namelist()
    assert ("asr/share/revision" in names) == (expected is not None)
    program = "from asr.training.environment import environment as e; "
    program += "print(e()['revision'])"
    assert elsewhere("python", "-c", program) == f"{expected}\n"
