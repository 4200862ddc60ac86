"""Skips that may happen in CI; any other skip fails there.

A test that is skipped since a package or a file is missing would otherwise pass for
years. Variable `CI` marks a run of CI.
"""

from __future__ import annotations

import os
import re

ALLOWED = (
    r"ASR_DATA does not name a folder of recorded speech",  # public CI has no corpora
    r"ASR_DATA names no corpora",
    r"ASR_TFIO_PYTHON names no interpreter with the extra tfio",
    r"it projects what it has seen",  # kinds of attention without such a part
    r"it has no weights to drop",
    r"needs espeak-ng",  # programs and not packages
    r"ffmpeg is not installed; .*",
    r"chromium and chromedriver are not installed",
    r"(curl|node) is not installed; .*",
    r"root may read everything",
)
"""Patterns of whole reasons."""


def unexpected_skip(reason: str) -> bool:
    """Return whether a skip with this reason fails the run."""
    if os.environ.get("CI", "").casefold() in ("", "0", "false"):
        return False
    return not any(re.fullmatch(pattern, reason) for pattern in ALLOWED)


def fail_if_unexpected(report) -> None:
    """Turn a skip without an allowed reason into a failure.

    Args:
        report: Pytest's report of a test, or of the collection of a file.
    """
    if report.outcome != "skipped" or hasattr(report, "wasxfail"):
        return
    reason = report.longrepr
    if isinstance(reason, tuple):  # file, line, reason
        reason = reason[2]
    reason = str(reason).removeprefix("Skipped: ")
    if unexpected_skip(reason):
        report.outcome = "failed"
        report.longrepr = (
            f"skipped in CI, which tests/skips.py does not allow: {reason}"
        )
