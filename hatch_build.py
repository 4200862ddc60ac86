"""Puts the git revision of a checkout into what is built from it."""

from __future__ import annotations

import runpy
import shutil
import tempfile
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class RevisionHook(BuildHookInterface):
    """Adds the file `revision`, which `asr.training.environment` reads."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Write the revision and add it to the build."""
        self._folder = Path(tempfile.mkdtemp())
        revision = _revision(Path(self.root))
        if revision is None or version == "editable":
            return
        file = self._folder / "revision"
        file.write_text(f"{revision}\n", encoding="utf-8")
        wheel = self.target_name == "wheel"
        target = "asr/share/revision" if wheel else "revision"
        build_data["force_include"][str(file)] = target

    def finalize(self, *_: Any) -> None:
        """Remove the file."""
        shutil.rmtree(self._folder, ignore_errors=True)


def _revision(root: Path) -> str | None:
    """Return the revision that a source distribution brings, or that of git."""
    stored = root / "revision"
    if stored.is_file():
        return stored.read_text(encoding="utf-8").strip()
    # By its path: asr itself needs packages that a build does not have.
    path = root / "asr" / "training" / "environment.py"
    found: str | None = runpy.run_path(str(path))["git_revision"](root)
    return found
