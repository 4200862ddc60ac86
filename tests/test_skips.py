"""A skip without an allowed reason fails a run of CI."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.skips import unexpected_skip

TESTS = {
    "test_mark": "@pytest.mark.skipif(True, reason='{}')\ndef test_it(): pass",
    "test_call": "def test_it(): pytest.skip('{}')",
    "test_fixture": (
        "@pytest.fixture\ndef it(): pytest.skip('{}')\ndef test_it(it): pass"
    ),
    "test_file": "pytest.skip('{}', allow_module_level=True)",
}


def run(folder: Path, ci: str, reason: str) -> subprocess.CompletedProcess[str]:
    root = Path(__file__).resolve().parents[1]
    hooks = "pytest_runtest_makereport, pytest_make_collect_report"
    (folder / "conftest.py").write_text(f"from tests.conftest import {hooks}\n")
    for name, code in TESTS.items():
        text = f"import pytest\n{code.format(reason)}\n"
        (folder / f"{name}.py").write_text(text)
    (folder / "test_failing.py").write_text(
        "import pytest\n@pytest.mark.xfail\ndef test_it(): assert False\n"
        "def test_good(): pass\n"
    )
    program = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-c"]
    return subprocess.run(
        [*program, os.devnull, "--continue-on-collection-errors", str(folder)],
        env=os.environ | {"CI": ci, "PYTHONPATH": str(root), "PYTEST_ADDOPTS": ""},
        capture_output=True,
        text=True,
        check=False,
        cwd=folder,
    )


@pytest.mark.parametrize(
    ("ci", "reason", "status", "counts"),
    [
        ("true", "no such package", 1, "1 failed, 1 passed, 1 xfailed, 3 errors"),
        ("true", "needs espeak-ng", 0, "1 passed, 4 skipped, 1 xfailed"),
        ("", "no such package", 0, "1 passed, 4 skipped, 1 xfailed"),
    ],
)
def test_runs_with_skips(tmp_path, ci, reason, status, counts):
    ended = run(tmp_path, ci, reason)
    assert (ended.returncode, counts in ended.stdout) == (status, True), ended.stdout
    said = f"tests/skips.py does not allow: {reason}" in ended.stdout
    assert said == bool(status)


@pytest.mark.parametrize(("ci", "fails"), [("1", True), ("0", False), ("", False)])
def test_only_in_ci(monkeypatch, ci, fails):
    monkeypatch.setenv("CI", ci)
    assert unexpected_skip("could not import 'librosa'") is fails
    assert unexpected_skip("needs espeak-ng and more") is fails
    assert not unexpected_skip("needs espeak-ng")
