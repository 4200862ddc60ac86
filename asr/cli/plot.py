"""`asr plot`: pictures of what a model sees and where it looks."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click
import numpy as np

import asr
from asr import audio, plots
from asr.cli import options, terminal
from asr.config import FrontendConfig

if TYPE_CHECKING:
    from collections.abc import Callable

F = TypeVar("F", bound="Callable[..., Any]")

_recording = click.argument(
    "recording", type=click.Path(path_type=Path), metavar="FILE"
)


def _output(kind: str) -> Callable[[F], F]:
    return click.option(
        "-o",
        "--output",
        type=click.Path(path_type=Path, dir_okay=False),
        help=f"Picture to write, .png or .svg.  [default: FILE's stem and .{kind}.png]",
    )


@click.group(epilog="Example: asr plot attention talk.wav --output talk.svg")
def command() -> None:
    """Draw where the decoder looked, or a recording's spectrogram."""


@command.command(epilog="Example: asr plot attention talk.wav --model runs/an4/model")
@_recording
@options.model
@_output("attention")
def attention(recording: Path, model: str, output: Path | None) -> None:
    """Draw each character's attention over the time of a recording."""
    terminal.start_backend()
    recognizer = asr.load(model)
    seen = recognizer.attention(recording)
    output = output or Path(f"{recording.stem}.attention.png")
    plots.attention(
        seen.weights,
        seen.tokens,
        frame_seconds=seen.frame_seconds,
        features=seen.features,
        hop_seconds=seen.hop_seconds,
        path=output,
    )
    click.echo(output)


@command.command(epilog="Example: asr plot spectrogram talk.wav --output talk.png")
@_recording
@_output("spectrogram")
def spectrogram(recording: Path, output: Path | None) -> None:
    """Draw a recording's log-mel energies, as models read them."""
    config = FrontendConfig(normalization="none")
    samples = audio.read(recording, config.rate)
    terminal.start_backend()
    from asr.model.features import LogMel  # noqa: PLC0415 - Keras, started just now

    features, _ = LogMel(config)(samples[None], np.array([len(samples)]))
    output = output or Path(f"{recording.stem}.spectrogram.png")
    plots.spectrogram(
        np.asarray(features[0]), config.hop_ms / 1000, output, title=recording.name
    )
    click.echo(output)
