"""`asr train`: training from a recipe to a model folder."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

import asr
from asr.cli import options, terminal
from asr.cli.options import option
from asr.config.loading import assign, load_recipe
from asr.config.parsing import from_dict
from asr.config.schema import LANGUAGE_MODEL, TrainConfig
from asr.errors import UsageError

if TYPE_CHECKING:
    from asr.config.schema import Recipe
    from asr.training.cluster import Cluster


def _bits(text: str) -> float:
    """Return the bits in a second of a rate such as `10Gb` or `100Mb`."""
    found = re.fullmatch(r"(\d{1,6}(?:\.\d*)?)([MG])b(?:/s)?", text, re.ASCII)
    if not found or not float(found[1]):
        raise click.BadParameter(f"{text!r} is no rate; write 10Gb or 100Mb")
    return float(found[1]) * {"M": 1e6, "G": 1e9}[found[2]]


_DISTRIBUTED = options.combined(
    option(
        "--distribute",
        click.Choice(["tensorflow", "jax"]),
        "Train as one of several workers, on this backend.",
    ),
    option(
        "--hosts",
        str,
        "Addresses of all workers.  [default: from TF_CONFIG]",
        metavar="HOST:PORT,...",
    ),
    option("--rank", click.IntRange(0), "Position of this worker in --hosts, from 0."),
)


@click.command(
    epilog="Example: asr train an4 --set train.epochs=40 --output runs/an4-long"
)
@click.argument("recipe", required=False, metavar="RECIPE")
@options.overrides("Change a key of the recipe, such as model.encoder.layers=3.")
@options.run_folder
@option("--resume", options.FOLDER, "Continue the run in this folder.", metavar="DIR")
@_DISTRIBUTED
@option("--estimate", bool, "Estimate time, memory and disk from a few steps.")
@option(
    "--hours",
    click.FloatRange(0, 1e6, min_open=True),
    "Hours of speech to estimate for.",
)
@option("--workers", click.IntRange(1, 10_000), "Workers to estimate for.")
@option(
    "--network",
    _bits,
    "Network between them, such as 10Gb.  [default: 10Gb]",
    metavar="RATE",
)
@options.as_json
def command(
    recipe: str | None,
    overrides: tuple[str, ...],
    output: Path | None,
    resume: Path | None,
    estimate: bool,
    **more: Any,
) -> None:
    """Train a model from RECIPE, a YAML file or a shipped name such as an4.

    Paths in a recipe are below the folder in the environment variable ASR_DATA.
    --resume continues a stopped run exactly; with --set train.epochs=80 also a finished
    one. Prints the model folder.

    With --distribute, start the same command once for each worker; `asr launch` does so
    on one machine. All workers must see the folder of the run.
    """
    cluster = _cluster(more["distribute"], more["hosts"], more["rank"])
    sizes = {name: more[name] for name in ("hours", "workers", "network")}
    given = {name: value for name, value in sizes.items() if value is not None}
    if (given or more["as_json"]) and not estimate:
        raise UsageError(
            "--hours, --workers, --network and --json apply only to --estimate"
        )
    if resume is not None:
        if recipe or output or estimate:
            raise UsageError("--resume takes the run as it is; give no other argument")
        click.echo(_resume(resume, overrides, cluster))
        return
    if estimate and (output or cluster):
        raise UsageError("--estimate writes nothing; give neither --output nor workers")
    if recipe is None:
        raise UsageError("give a recipe, or a run with --resume")
    loaded = load_recipe(recipe, overrides)
    if estimate:
        _check_network(loaded, "--estimate")
        terminal.start_backend()
        needs = asr.estimate(loaded, **given)
        terminal.print_scores(needs, as_json=more["as_json"])
    else:
        click.echo(_train(loaded, output or Path("runs") / loaded.name, cluster))


def _check_network(recipe: Recipe, name: str) -> None:
    """Refuse a language model for an option that is for networks."""
    if recipe.task == LANGUAGE_MODEL:
        raise UsageError(
            f"{name} applies only to networks, not to n-gram language models"
        )


def _train(recipe: Recipe, output: Path, cluster: Cluster | None) -> Path:
    if cluster:
        _check_network(recipe, "--distribute")
    terminal.start_backend()
    if recipe.task == LANGUAGE_MODEL:
        return asr.train_language_model(recipe, output)
    return asr.train(recipe, output, cluster=cluster)


def _cluster(kind: str | None, hosts: str | None, rank: int | None) -> Cluster | None:
    """Return the workers of the command line; select their backend."""
    if (hosts is None) != (rank is None) or (hosts and not kind):
        raise UsageError("--hosts and --rank go together, with --distribute")
    if kind is None:
        return None
    os.environ["KERAS_BACKEND"] = kind
    from asr.training import cluster  # noqa: PLC0415 - selects no backend itself

    if hosts is None:
        return cluster.from_environment(kind)
    return cluster.Cluster(kind, tuple(hosts.split(",")), rank or 0)


def _resume(folder: Path, overrides: tuple[str, ...], cluster: Cluster | None) -> Path:
    from asr.training.run_folder import load_run_recipe  # noqa: PLC0415

    changed = _epochs(overrides) if overrides else {}
    load_run_recipe(folder)  # refuses a folder before the backend takes memory
    terminal.start_backend()
    return asr.resume(folder, cluster=cluster, **changed)


def _epochs(overrides: tuple[str, ...]) -> dict[str, int]:
    """Return the new number of epochs of a run that goes on."""
    changed: dict[str, Any] = {}
    for override in overrides:
        assign(changed, override)
    if changed.keys() != {"train"} or changed["train"].keys() != {"epochs"}:
        raise UsageError(
            "--resume takes the run as it is; only train.epochs may change"
        )
    return {"epochs": from_dict(TrainConfig, changed["train"], "train").epochs}
