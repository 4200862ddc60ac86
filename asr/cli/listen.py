"""`asr listen`: what is said into the microphone, as it is said."""

from __future__ import annotations

import shutil
import sys

import click

import asr
from asr.audio.microphone import microphone, sound_library
from asr.cli import options, outputs, terminal


@click.command(epilog="Example: asr listen > minutes.txt")
@options.model
@click.option(
    "--device", help="Sound card, by name or number.  [default: the system's]"
)
def command(model: str, device: str | None) -> None:
    """Write down what is said into the microphone, until Ctrl-C.

    A line is printed after each pause; before that a terminal shows what has been
    understood so far. Needs the extra `mic`.
    """
    sound_library()  # before the model is loaded for nothing
    terminal.start_backend()
    recognizer = asr.load(model)
    recognizer.warm_up()
    shown = sys.stderr.isatty()
    with microphone(recognizer.rate, device) as source:
        click.echo("listening; Ctrl-C ends", err=True)
        found = recognizer.segments(source, on_partial=_preview if shown else None)
        for segment in found:
            if shown:
                _preview("")
            outputs.segment_to_stdout(segment)


def _preview(text: str) -> None:
    """Show the end of a text on the last line of the terminal."""
    width = shutil.get_terminal_size().columns - 1
    click.echo(f"\r\x1b[K{text[-width:]}", nl=False, err=True)
