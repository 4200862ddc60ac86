"""Train the bundled `english` in the stages in which it was trained.

    python recipes/english/train.py --output runs/english

Trains what stages.toml lists, and writes the model into OUTPUT/english. A repeated
command goes on where it was stopped. docs/english-model.md tells what data it needs.
"""

from __future__ import annotations

import json
import runpy
import tomllib
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import click

import asr
from asr.cli import terminal
from asr.config.loading import load_recipe
from asr.config.schema import Recipe
from asr.errors import AsrError
from asr.files import atomic_write, data_directory, model_path

HERE = Path(__file__).parent
SCHEDULE = tomllib.loads((HERE / "stages.toml").read_text())
LABELS = "speech/machine-labelled"
SUREST, LIKELY = -0.45, -0.6  # least mean log probabilities of a token

average = runpy.run_path(str(HERE.parent / "average.py"))["average"]


def stages() -> Iterator[tuple[Recipe, list[str]]]:
    """Yield the recipe of each stage, and the stages whose mean it starts from."""
    name, settings, repeat = "", list[str](), dict[str, int]()
    for stage in SCHEDULE["stage"]:
        if "recipe" in stage:
            name, settings, repeat = stage["recipe"], [], {}
        for part, keys in stage.get("set", {}).items():
            if isinstance(keys, dict):
                settings += [f"{part}.{k}={json.dumps(it)}" for k, it in keys.items()]
            else:
                settings.append(f"{part}={json.dumps(keys)}")
        repeat |= stage.get("repeat", {})
        recipe = load_recipe(name, [*settings, f"name={stage['name']}"])
        sources = (
            replace(source, repeat=repeat.get(source.path, source.repeat))
            for source in recipe.data.train
        )
        used = tuple(source for source in sources if source.repeat)
        data = replace(recipe.data, train=used)
        yield replace(recipe, data=data), stage.get("start", [])


def train(recipe: Recipe, start: Sequence[str], output: Path) -> None:
    """Train a stage in a folder of its name."""
    if start:
        model = started(recipe.name, start, output)
        recipe = replace(recipe, train=replace(recipe.train, start=str(model)))
    folder = output / recipe.name
    asr.run(recipe, folder, skip=["evaluate"], tell=lambda text: click.echo(text))


def started(name: str, start: Sequence[str], output: Path) -> Path:
    """Return the model that a stage starts from; write it if it is a mean."""
    models = [model_path(output / it) for it in start]
    if len(models) == 1:
        return models[0]
    mean = output / f"{name}-start"
    if not mean.exists():
        average(models, mean)
    return mean


def divide_labels(folder: Path) -> None:
    """Divide machine labels by how sure they are; texts with figures are left out."""
    lines = (folder / "train.jsonl").read_text(encoding="utf-8").splitlines()
    clips = [json.loads(line) for line in lines]
    clips = [it for it in clips if not any(map(str.isdigit, it["text"]))]
    for name, low, high in (("surest", SUREST, 0), ("likely", LIKELY, SUREST)):
        with atomic_write(folder / f"{name}.jsonl") as file:
            for clip in clips:
                if low <= clip["log_prob"] < high:
                    file.write(json.dumps(clip, ensure_ascii=False) + "\n")


@click.command(help=__doc__)
@click.option(
    "-o",
    "--output",
    required=True,
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder of the runs.",
)
def main(output: Path) -> None:
    """Train all stages."""
    try:
        if (labels := data_directory() / LABELS).is_dir():  # else not in the recipe
            divide_labels(labels)
        terminal.start_backend()
        for recipe, start in stages():
            train(recipe, start, output)
        if not (output / "english").exists():
            models = [model_path(output / it) for it in SCHEDULE["english"]]
            average(models, output / "english")
    except (AsrError, OSError) as error:
        raise click.ClickException(str(error)) from error


if __name__ == "__main__":
    main()
