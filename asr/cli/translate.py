"""`asr translate`: translations of texts."""

from __future__ import annotations

from typing import Any

import click

from asr.cli import text_commands


@click.command(epilog='Example: asr translate "Where is the station?"')
@text_commands.arguments("en-fr")
def command(sources: tuple[str, ...], **given: Any) -> None:
    """Translate texts, line by line.

    Takes texts, files and - (standard input). Each line is translated by itself; an
    empty line stays empty.
    """
    text_commands.write(sources, whole=False, **given)
