"""Environment of a result: versions, machine, git revision."""

from __future__ import annotations

import contextlib
import os
import platform
import re
import shutil
import subprocess
import sys
from datetime import UTC, datetime
from functools import partial
from importlib import metadata
from pathlib import Path
from subprocess import DEVNULL
from typing import Any

_PACKAGES = (
    "tensorflow", "jax", "keras", "onnxruntime", "numpy", "soundfile", "soxr",
    "sentencepiece", "jiwer", "av",
)  # fmt: skip


def system() -> dict[str, Any]:
    """Return versions and machine, as a report of a fault needs them.

    Also the git `revision` of the checkout, or of the one that the wheel was built
    from, with `+` if tracked files differ from it.
    """
    from asr import __version__  # noqa: PLC0415 - a build runs this module by itself

    return {
        "asr": __version__,
        "revision": _revision(),
        "python": platform.python_version(),
        "system": platform.platform(),
        "processor": _processor(),
        "cores": os.cpu_count(),
        "packages": {x: version for x in _PACKAGES if (version := _version(x))},
    }


def environment() -> dict[str, Any]:
    """Return command, time, versions and machine of this program; see `system`."""
    return {
        "time": datetime.now(UTC).isoformat(timespec="seconds"),
        "command": sys.argv,
        "folder": str(Path.cwd()),
        "data": os.environ.get("ASR_DATA"),
        **system(),
    }


def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def _processor() -> str:
    """Return the name of the processor; `platform` knows it on few systems."""
    with contextlib.suppress(OSError):
        facts = Path("/proc/cpuinfo").read_text(encoding="utf-8")
        if name := re.search(r"^model name\s*:(.*)", facts, re.MULTILINE):
            return name[1].strip()
    return platform.processor()


def _revision() -> str | None:
    package = Path(__file__).resolve().parents[1]
    stored = package / "share" / "revision"  # in a wheel: see hatch_build.py
    if stored.is_file():
        return stored.read_text(encoding="utf-8").strip()
    return git_revision(package.parent)


def git_revision(checkout: Path) -> str | None:
    """Return the git revision of a checkout, with `+` if tracked files differ."""
    git = shutil.which("git")
    if git is None or not (checkout / ".git").exists():
        return None
    run = partial(subprocess.check_output, text=True, stderr=DEVNULL, timeout=10)
    try:
        revision = run([git, "-C", checkout, "rev-parse", "HEAD"]).strip()
        changes = run([git, "-C", checkout, "status", "--porcelain", "-uno"]).strip()
    except (OSError, subprocess.SubprocessError):
        return None
    return revision + ("+" if changes else "")
