"""`asr align`: when each word of a known text is said."""

from __future__ import annotations

from pathlib import Path

import click

import asr
from asr.cli import options, outputs, terminal, text_commands
from asr.formats.layout import Layout
from asr.formats.writers import WORD_FORMATS


@click.command(
    epilog="Example: asr align talk.wav talk.txt -f TextGrid > talk.TextGrid"
)
@click.argument("recording", type=click.Path(path_type=Path))
@click.argument("text", metavar="FILE|TEXT|-")
@options.model
@click.option(
    "-f",
    "--output-format",
    type=click.Choice(sorted(WORD_FORMATS | {"json"})),
    default="ctm",
    show_default=True,
    help="What to write.",
)
def command(recording: Path, text: str, model: str, output_format: str) -> None:
    """Tell when each word of a text is said in a recording of up to two minutes."""
    (spoken,) = text_commands.read([text], whole=True)
    terminal.start_backend()
    found = asr.load(model).align(recording, spoken)
    layout = Layout(name=recording.stem)
    outputs.to_stdout(found, output_format, layout, name=None)
