"""`asr translate`: sentences to another language."""

from __future__ import annotations

from typing import Unpack

import click

from asr.cli import text_commands


@click.command(epilog='Example: asr translate "Where is the station?"')
@text_commands.arguments("en-fr")
def command(sources: tuple[str, ...], **given: Unpack[text_commands.Options]) -> None:
    """Translate texts, line by line.

    Takes texts, files and - (standard input); each line of them is translated by
    itself, and an empty line stays one.
    """
    text_commands.write(sources, given, whole=False)
