"""`asr models`: the bundled models."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import click

from asr.cli import options
from asr.files import bundled_models, model_task

if TYPE_CHECKING:
    from pathlib import Path


@click.command(epilog="Example: asr models --json")
@options.as_json
def command(as_json: bool) -> None:
    """List the bundled models: name, task, size and description.

    The default model of `asr transcribe` is `english`.
    """
    models = [_describe(name, folder) for name, folder in bundled_models().items()]
    if as_json:
        click.echo(json.dumps(models, ensure_ascii=False))
        return
    names = max((len(model["name"]) for model in models), default=0)
    tasks = max((len(model["task"]) for model in models), default=0)
    for model in models:
        name, task = model["name"].ljust(names), model["task"].ljust(tasks)
        click.echo(f"{name}  {task}  {model['megabytes']:5.1f} MB  {model['about']}")


def _describe(name: str, folder: Path) -> dict[str, Any]:
    card = (folder / "README.md").read_text(encoding="utf-8")
    _, _, rest = card.partition("\n\n")
    size = sum(file.stat().st_size for file in folder.iterdir())
    return {
        "name": name,
        "task": model_task(folder),
        "megabytes": round(size / 1e6, 1),
        "about": " ".join(rest.partition("\n\n")[0].split()),
    }
