"""`asr summarize`: titles for texts."""

from __future__ import annotations

from typing import Any

import click

from asr.cli import text_commands
from asr.cli.options import option


@click.command(epilog="Example: asr summarize abstract.txt")
@text_commands.arguments("title")
@option("--lines", bool, "Take each line as a text.")
def command(sources: tuple[str, ...], lines: bool, **given: Any) -> None:
    """Write a title for each text.

    Takes files, texts and - (standard input). A text over the limit of the model is cut
    with a warning.
    """
    text_commands.write(sources, whole=not lines, **given)
