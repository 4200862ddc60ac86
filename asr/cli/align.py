"""`asr align`: times of the words of a known text."""

from __future__ import annotations

from pathlib import Path

import click

import asr
from asr.cli import options, outputs, text_commands
from asr.cli.options import option
from asr.errors import UsageError
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
    default=["ctm"],
    multiple=True,
)
def command(
    recording: Path, text: str, model: str, output_format: tuple[str, ...]
) -> None:
    """Find the time of each word of a text in a recording.

    Words are written as they are in the text. Words that the model cannot spell, such
    as digits, get times between their neighbours, and a warning names them.
    """
    if len({*output_format}) > 1:
        raise UsageError("several formats do not fit standard output; give one")
    (reference,) = text_commands.read([text], whole=True)
    if not reference.split():
        raise UsageError("no words to align; the text is empty")
    transcript = asr.load(model).align(recording, reference)
    layout = Layout(name=recording.stem)
    outputs.print_transcript(transcript, output_format[0], layout, name=None)
