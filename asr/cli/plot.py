"""`asr plot`: pictures of attention weights and spectrograms."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

import asr
from asr.audio import io as audio_io
from asr.cli import options, text_commands
from asr.cli.options import option
from asr.config.schema import FrontendConfig
from asr.errors import AudioError, UsageError
from asr.files import model_task
from asr.formats.attention import AttentionMap, TextAttention, read_attention
from asr.reports import plots
from asr.runtime.frontend import LogMel

_SECONDS = 600


def _output(kind: str, stem: str) -> Any:
    return option(
        "-o --output",
        options.FILE,
        f"Write this picture, .png or .svg.  [default: {stem} and .{kind}.png]",
    )


@click.group(epilog="Example: asr plot attention talk.wav --output talk.svg")
def command() -> None:
    """Plot the attention of the decoder, or the spectrogram of a recording."""


@command.command(epilog="Example: asr plot attention talk.wav --model runs/an4/model")
@click.argument("source", metavar="FILE|TEXT|JSON")
@options.model
@option("--animate", bool, "Write an animated .gif that grows token by token.")
@_output("attention", "the stem of FILE, or text,")
def attention(source: str, model: str, animate: bool, output: Path | None) -> None:
    """Plot the attention of each token over a recording of up to 20 s, or over a text.

    A text model, such as en-fr or title, takes a file or the text itself. A file that
    ends in .json has weights that --attention of another command wrote.
    """
    if animate and output and output.suffix.lower() != ".gif":
        raise UsageError(f"{output}: --animate writes .gif; change the suffix")
    stored = source.endswith(".json")
    speech = not stored and model_task(model) in options.SPEECH_TASKS
    stem = Path(source).stem if stored or speech else "text"
    output = output or Path(f"{stem}.attention{'.gif' if animate else '.png'}")
    attended: AttentionMap | TextAttention
    if stored:
        attended, title = read_attention(Path(source))
    elif speech:
        attended, title = asr.load(model).attention(Path(source)), Path(source).name
    else:
        (text,) = text_commands.read([source], whole=True)
        from asr.inference.generator import load_generator  # noqa: PLC0415 - start-up time

        attended, title = load_generator(model).attention(text), f"{model}: {text}"
    if isinstance(attended, AttentionMap):
        plots.attention(**vars(attended), path=output, title=title)
    else:
        plots.text_attention(**vars(attended), path=output, title=title)
    click.echo(output)


@command.command(epilog="Example: asr plot spectrogram talk.wav --output talk.png")
@click.argument("recording", type=options.PATH, metavar="FILE")
@_output("spectrogram", "the stem of FILE")
def spectrogram(recording: Path, output: Path | None) -> None:
    """Plot the log-mel energies of up to 10 minutes, as `english` reads them."""
    config = FrontendConfig()
    samples = audio_io.read(recording, config.rate, duration=_SECONDS + 1)
    if len(samples) > _SECONDS * config.rate:
        raise AudioError(f"{recording}: a spectrogram shows up to {_SECONDS} s")
    output = output or Path(f"{recording.stem}.spectrogram.png")
    energies = LogMel(config).energies(samples)
    plots.spectrogram(
        energies,
        config.hop_ms / 1000,
        output,
        rate=config.rate,
        title=recording.name,
    )
    click.echo(output)
