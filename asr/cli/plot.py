"""`asr plot`: pictures of what a model sees and where it looks."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click
import numpy as np

import asr
from asr.audio import io as audio_io
from asr.cli import options, terminal, text_commands
from asr.config.schema import FrontendConfig
from asr.errors import UsageError
from asr.files import model_task
from asr.reports import plots

if TYPE_CHECKING:
    from collections.abc import Callable

F = TypeVar("F", bound="Callable[..., Any]")


def _output(kind: str, stem: str) -> Callable[[F], F]:
    return click.option(
        "-o",
        "--output",
        type=click.Path(path_type=Path, dir_okay=False),
        help=f"Picture to write, .png or .svg.  [default: {stem} and .{kind}.png]",
    )


@click.group(epilog="Example: asr plot attention talk.wav --output talk.svg")
def command() -> None:
    """Draw where the decoder looked, or a recording's spectrogram."""


@command.command(epilog="Example: asr plot attention talk.wav --model runs/an4/model")
@click.argument("source", metavar="FILE|TEXT")
@options.model
@click.option("--animate", is_flag=True, help="Draw it as it grows, into a .gif.")
@_output("attention", "the stem of FILE, or text,")
def attention(source: str, model: str, animate: bool, output: Path | None) -> None:
    """Draw each token's attention over a recording, or over a text.

    With a model of texts, such as en-fr or title, the source is a file or the text
    itself. A recording may last up to 20 s.
    """
    if animate and output and output.suffix.lower() != ".gif":
        raise UsageError(f"{output}: --animate writes .gif; change the suffix")
    suffix = ".gif" if animate else ".png"
    if model_task(model) not in options.SPEECH_TASKS:
        output = output or Path(f"text.attention{suffix}")
        (text,) = text_commands.read([source], whole=True)
        terminal.start_backend()
        looked = asr.load_text(model).attention(text)
        plots.text_attention(looked.weights, looked.tokens, looked.source, output)
        click.echo(output)
        return
    recording = Path(source)
    terminal.start_backend()
    seen = asr.load(model).attention(recording)
    output = output or Path(f"{recording.stem}.attention{suffix}")
    plots.attention(**vars(seen), path=output)
    click.echo(output)


@command.command(epilog="Example: asr plot spectrogram talk.wav --output talk.png")
@click.argument("recording", type=click.Path(path_type=Path), metavar="FILE")
@_output("spectrogram", "FILE's stem")
def spectrogram(recording: Path, output: Path | None) -> None:
    """Draw a recording's log-mel energies, as models read them."""
    config = FrontendConfig()
    samples = audio_io.read(recording, config.rate)
    terminal.start_backend()
    from asr.model.frontend import LogMel  # noqa: PLC0415 - Keras, started just now

    energies = LogMel(config).energies(samples[None], np.array([len(samples)]))
    output = output or Path(f"{recording.stem}.spectrogram.png")
    plots.spectrogram(
        np.asarray(energies[0]), config.hop_ms / 1000, output, title=recording.name
    )
    click.echo(output)
