"""`asr summarize`: a text to a title for it."""

from __future__ import annotations

from typing import Unpack

import click

from asr.cli import text_commands


@click.command(epilog="Example: asr summarize abstract.txt")
@text_commands.arguments("title")
@click.option("--lines", is_flag=True, help="Each line is a text of its own.")
def command(
    sources: tuple[str, ...], lines: bool, **given: Unpack[text_commands.Options]
) -> None:
    """Write a title for each text.

    Takes files, texts and - (standard input). A text longer than the model reads is
    cut, and a warning says so.
    """
    text_commands.write(sources, given, whole=not lines)
