"""`asr export`: a model for other programs."""

from __future__ import annotations

from pathlib import Path

import click

import asr
from asr.cli import options, terminal
from asr.cli.options import option
from asr.deployment.export import FORMATS


@click.command(epilog="Example: asr export english --format onnx --output english-onnx")
@click.argument("model", metavar="MODEL")
@option(
    "--format format_",
    click.Choice(list(FORMATS)),
    "Format of the network.",
    required=True,
)
@option("-o --output", options.FOLDER, "Folder to create.", required=True)
def command(model: str, format_: str, output: Path) -> None:
    """Export MODEL for programs without asr.

    MODEL is a bundled model, a model folder, or a run folder. The new folder gets the
    network, its tokens, and a README.md with inputs, outputs and an example. Language
    models and beam search are not exported. The formats savedmodel (TensorFlow) and
    litert (LiteRT, once TensorFlow Lite) need the extra train. Prints the folder.
    """
    if format_ != "onnx":
        terminal.start_backend()
    click.echo(asr.export(model, format_, output))
