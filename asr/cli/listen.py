"""`asr listen`: live transcription of the microphone."""

from __future__ import annotations

import shutil
import sys

import click

import asr
from asr.audio.microphone import microphone, sound_library
from asr.cli import options, outputs, restoration
from asr.cli.options import option


@click.command(epilog="Example: asr listen > minutes.txt")
@options.model
@option(
    "--device", str, "Sound card to use, by name or number.  [default: the system's]"
)
@options.names
@option("--raw", bool, "Leave out case, punctuation and digits.")
@option("--no-numbers", bool, "Leave numbers in words.")
@options.threads
def command(
    model: str,
    device: str | None,
    hotwords: tuple[str, ...],
    words: tuple[str, ...],
    raw: bool,
    no_numbers: bool,
    threads: int | None,
) -> None:
    """Transcribe the microphone until Ctrl-C.

    Prints a line after each pause. A terminal also shows the partial text of the
    current line. Needs the extra `mic`.
    """
    sound_library()  # fail before the model is loaded
    recognizer = asr.load(model, threads=threads)
    decoding = options.decoding_config(
        recognizer.decoding, {}, hotwords=hotwords or None, words=words or None
    )
    recognizer.warm_up(decoding)
    restoring = None
    if not raw:
        restoring = restoration.restoring(recognizer, not no_numbers)
    following = restoration.following(restoring, live=True)
    interactive = sys.stderr.isatty()

    def preview(text: str) -> None:
        _preview(following.preview(text))

    with microphone(recognizer.rate, device) as source:
        click.echo("listening; Ctrl-C ends", err=True)
        segments = recognizer.segments(
            source,
            on_partial=preview if interactive else None,
            decoding=decoding,
        )
        for segment in segments:
            if interactive:
                _preview("")
            for finished in following.push(segment):
                outputs.print_segment(finished)


def _preview(text: str) -> None:
    """Show the end of a text on the last line of the terminal."""
    width = shutil.get_terminal_size().columns - 1
    click.echo(f"\r\x1b[K{text[-width:]}", nl=False, err=True)
