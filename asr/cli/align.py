"""`asr align`: times of the words of a known text."""

from __future__ import annotations

from pathlib import Path

import click

import asr
from asr.cli import options, outputs, text_commands
from asr.cli.options import option
from asr.formats.layout import Layout
from asr.formats.writers import WORD_FORMATS


@click.command(
    epilog="Example: asr align talk.wav talk.txt -f TextGrid > talk.TextGrid"
)
@click.argument("recording", type=options.PATH)
@click.argument("text", metavar="FILE|TEXT|-")
@options.model
@option(
    "-f --output-format",
    click.Choice(sorted(WORD_FORMATS | {"json"})),
    "Write this format.",
    default="ctm",
)
def command(recording: Path, text: str, model: str, output_format: str) -> None:
    """Find the time of each word of a text in a recording of up to two minutes."""
    (reference,) = text_commands.read([text], whole=True)
    transcript = asr.load(model).align(recording, reference)
    layout = Layout(name=recording.stem)
    outputs.print_transcript(transcript, output_format, layout, name=None)
