"""`asr translate`: sentences to another language."""

from __future__ import annotations

from typing import Unpack

import click

from asr.cli import texts


@click.command(epilog='Example: asr translate "Where is the station?"')
@texts.arguments("en-fr")
def command(sources: tuple[str, ...], **given: Unpack[texts.Options]) -> None:
    """Translate texts, line by line.

    Takes texts, files and - (standard input); each line of them is translated by
    itself, and an empty line stays one.
    """
    texts.write(sources, given, whole=False)
