"""`asr listen`: live transcription of the microphone."""

from __future__ import annotations

import shutil
import sys
from dataclasses import replace

import click

import asr
from asr.audio.microphone import microphone, sound_library
from asr.cli import options, outputs
from asr.cli.options import option


@click.command(epilog="Example: asr listen > minutes.txt")
@options.model
@option(
    "--device", str, "Sound card to use, by name or number.  [default: the system's]"
)
@options.names
@options.threads
def command(
    model: str,
    device: str | None,
    hotwords: tuple[str, ...],
    words: tuple[str, ...],
    threads: int | None,
) -> None:
    """Transcribe the microphone until Ctrl-C.

    Prints a line after each pause. A terminal also shows the partial text of the
    current line. Needs the extra `mic`.
    """
    sound_library()  # fail before the model is loaded
    recognizer = asr.load(model, threads=threads)
    decoding = replace(recognizer.decoding, hotwords=hotwords, words=words)
    recognizer.warm_up(decoding)
    interactive = sys.stderr.isatty()
    with microphone(recognizer.rate, device) as source:
        click.echo("listening; Ctrl-C ends", err=True)
        segments = recognizer.segments(
            source,
            on_partial=_preview if interactive else None,
            decoding=decoding,
        )
        for segment in segments:
            if interactive:
                _preview("")
            outputs.print_segment(segment)


def _preview(text: str) -> None:
    """Show the end of a text on the last line of the terminal."""
    width = shutil.get_terminal_size().columns - 1
    click.echo(f"\r\x1b[K{text[-width:]}", nl=False, err=True)
