"""`asr info`: facts about a model, a recording or the installation."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import click
import yaml

import asr
from asr.audio.io import inspect
from asr.cli import options, terminal
from asr.cli.options import option
from asr.errors import UsageError
from asr.files import is_folder, is_there, model_path
from asr.training import environment


def _facts(target: str) -> dict[str, Any]:
    path = Path(target)
    if is_there(path) and not is_folder(path):
        return dataclasses.asdict(inspect(target))
    return asr.describe(model_path(target))


class _Dumper(yaml.SafeDumper):
    """Writes texts of several lines as they are."""


def _represent_text(dumper: yaml.SafeDumper, text: str) -> yaml.Node:
    style = "|" if "\n" in text else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_Dumper.add_representer(str, _represent_text)


@click.command(epilog="Example: asr info english; asr info talk.mp3 --json")
@click.argument("target", required=False, metavar="MODEL|FILE")
@option("--system", bool, "Describe this installation, for a report of a fault.")
@options.as_json
def command(target: str | None, system: bool, as_json: bool) -> None:
    """Describe a model (size, last training, decoding, model card) or a recording.

    MODEL is the name of a bundled model, a model folder or a run folder.
    """
    if (target is None) != system:
        raise UsageError("give MODEL, FILE or --system")
    facts = environment.system() if target is None else _facts(target)
    if as_json:
        terminal.print_json(facts)
    else:
        text = yaml.dump(facts, Dumper=_Dumper, allow_unicode=True, sort_keys=False)
        click.echo(text, nl=False)
