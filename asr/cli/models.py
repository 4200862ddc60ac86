"""`asr models`: the bundled models."""

from __future__ import annotations

from typing import Any

import click

from asr.cli import options, terminal
from asr.files import bundled_models, model_task


@click.command(epilog="Example: asr models --json")
@options.as_json
def command(as_json: bool) -> None:
    """List the bundled models: name, task, size and description.

    The default model of `asr transcribe` is `english`.
    """
    models: list[dict[str, Any]] = []
    for name, folder in bundled_models().items():
        card = (folder / "README.md").read_text(encoding="utf-8")
        size = sum(file.stat().st_size for file in folder.iterdir())
        models.append(
            {
                "name": name,
                "task": model_task(folder),
                "megabytes": round(size / 1e6, 1),
                "about": " ".join(card.split("\n\n")[1].split()),
            }
        )
    if as_json:
        terminal.print_json(models)
        return
    names, tasks = (
        max((len(model[key]) for model in models), default=0)
        for key in ("name", "task")
    )
    for model in models:
        click.echo(
            f"{model['name']:{names}}  {model['task']:{tasks}}  "
            f"{model['megabytes']:5.1f} MB  {model['about']}"
        )
