"""A grid of trainings that differ in chosen keys, and its results."""

from __future__ import annotations

import itertools
import json
import logging
import re
import statistics
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from asr.config.loading import load_recipe
from asr.config.schema import Recipe
from asr.data.loader import SourceLoader
from asr.errors import DataError, RecipeError
from asr.files import atomic_write
from asr.inference.predictor import Predictor
from asr.metrics import significance
from asr.reports import curves
from asr.storage.model_folder import read_model
from asr.training.run_folder import DEV, MODEL, load_run_recipe
from asr.training.setup import check
from asr.training.train import begin, is_finished, resume
from asr.training.validation import write_all

log = logging.getLogger(__name__)

RESULTS, TABLE = "results.json", "table.md"
_BUCKETS = 4


@dataclass(frozen=True)
class Cell:
    """One training of the grid.

    Attributes:
        variant: The varied keys and values, such as `attention=luong`.
        seed: Seed of the training.
        score: First metric of the task on the dev part.
        metrics: All metrics of the task.
        parameters: Number of weights.
        step_seconds: Time of one training step.
        lengths: Shortest and longest source of each group of lengths.
        by_length: First metric of each group.
        unit: Unit of the lengths.
        references: Normalised references, for tests of differences in word errors.
        hypotheses: Texts of the model.
    """

    variant: str
    seed: int
    score: float
    metrics: dict[str, float]
    parameters: int
    step_seconds: float
    lengths: list[tuple[float, float]]
    by_length: list[float]
    unit: str = "s"
    references: tuple[str, ...] = ()
    hypotheses: tuple[str, ...] = ()


def compare(
    recipe: Path,
    vary: Mapping[str, Sequence[Any]],
    *,
    seeds: int,
    output: Path,
    overrides: Sequence[str] = (),
) -> list[Cell]:
    """Train a recipe in all variants, with several seeds, and score each.

    Finished trainings are not repeated; interrupted ones go on. Scores come from the
    dev part, decoded with the recipe's settings, so it should not be small.

    Args:
        recipe: The common recipe.
        vary: Key of the recipe -> its values; all combinations are trained.
        seeds: Number of trainings of each variant, with seeds 1, 2, ...
        output: Folder of the trainings, `results.json`, `table.md` and plots.
        overrides: Assignments as in `load_recipe`, for all variants.

    Raises:
        DataError: The recipe has no dev part.
        RecipeError: A key or value is not valid, or sets the seed; nothing is trained.
        TrainingError: The folder contains other trainings.
    """
    if "seed" in {*vary, *(text.partition("=")[0].strip() for text in overrides)}:
        raise RecipeError(f"seed: must not be set; each variant has seeds 1 to {seeds}")
    runs: list[tuple[str, Recipe]] = []
    for *values, seed in itertools.product(*vary.values(), range(1, seeds + 1)):
        chosen = dict(zip(vary, values, strict=True))
        changes = [f"{key}={json.dumps(value)}" for key, value in chosen.items()]
        loaded = load_recipe(recipe, [*overrides, *changes, f"seed={seed}"])
        check(loaded)
        runs.append((_label(chosen), loaded))
    if not runs[0][1].data.dev:
        reason = "comparisons are scored on it"
        raise DataError(f"{recipe}: data.dev must not be empty; {reason}")
    output.mkdir(parents=True, exist_ok=True)
    cells = []
    for number, (variant, loaded) in enumerate(runs, 1):
        folder = output / re.sub(r"[^\w.=-]+", "_", variant) / f"seed-{loaded.seed}"
        log.info("%d of %d: %s, seed %d", number, len(runs), variant, loaded.seed)
        begin(loaded, folder)
        if not is_finished(folder):
            resume(folder)
        cells.append(_score(variant, folder))
        report(cells, output)
    return cells


def table(cells: Sequence[Cell]) -> str:
    """Return a table in Markdown with a row for each variant: means over its seeds.

    With word error rates, each variant is tested against the first one, by a bootstrap
    of utterances.
    """
    names, unit = list(cells[0].metrics), cells[0].unit
    ranges = [
        f"{_length(low)}-{_length(high)} {unit}" for low, high in cells[0].lengths
    ]
    groups = _groups(cells)
    tested = bool(cells[0].references) and "wer" in names and len(groups) > 1
    head = ["variant", "seeds", *map(_title, names), "parameters", "ms/step", *ranges]
    if tested:
        head.append("p")
    rows = [head, ["---"] * len(head)]
    first = next(iter(groups.values()))
    for variant, group in groups.items():
        figures = [_spread(name, [x.metrics[name] for x in group]) for name in names]
        step = statistics.fmean(cell.step_seconds for cell in group)
        parts = [
            _spread(names[0], values)
            for values in zip(*(cell.by_length for cell in group), strict=True)
        ]
        size, count = f"{group[0].parameters:,}", str(len(group))
        row = [variant, count, *figures, size, f"{1000 * step:.0f}", *parts]
        if tested:
            row.append("" if group is first else _p_value(first, group))
        rows.append(row)
    text = "".join(f"| {' | '.join(row)} |\n" for row in rows)
    notes = ["Mean ± standard deviation over seeds, on the dev part."]
    if tested:
        notes.append(f"p: bootstrap of utterances, against {cells[0].variant}.")
    return f"{text}\n{' '.join(notes)}\n"


def _p_value(first: Sequence[Cell], second: Sequence[Cell]) -> str:
    """Test a variant against another, over the seeds that both have."""
    pairs = list(zip(first, second, strict=False))
    references = [text for one, _ in pairs for text in one.references]
    # The seeds of an utterance are drawn together.
    utterances = [place for one, _ in pairs for place in range(len(one.references))]
    compared = significance.compare(
        references,
        [text for one, _ in pairs for text in one.hypotheses],
        [text for _, two in pairs for text in two.hypotheses],
        utterances,
    )
    return "< 0.01" if compared.p_bootstrap < 0.01 else f"{compared.p_bootstrap:.2f}"


def report(cells: Sequence[Cell], output: Path) -> None:
    """Write results, table and plots of the trainings so far."""
    with atomic_write(output / RESULTS) as file:
        facts = [asdict(replace(x, references=(), hypotheses=())) for x in cells]
        for cell in facts:  # the texts are too many
            del cell["references"], cell["hypotheses"]
        json.dump(facts, file, indent=1)
    with atomic_write(output / TABLE) as file:
        file.write(table(cells))
    name, groups = next(iter(cells[0].metrics)), _groups(cells)
    scores = {variant: [x.score for x in group] for variant, group in groups.items()}
    curves.scores(scores, output / "scores.png", label=name)
    parts = {variant: [x.by_length for x in group] for variant, group in groups.items()}
    curves.by_length(parts, cells[0].lengths, output / "by_length.png", label=name)


def _groups(cells: Sequence[Cell]) -> dict[str, list[Cell]]:
    """Return variant -> its trainings, which follow one another."""
    groups = itertools.groupby(cells, key=lambda cell: cell.variant)
    return {variant: list(group) for variant, group in groups}


def _score(variant: str, folder: Path) -> Cell:
    """Decode the dev part of a run with its model."""
    recipe, loaded = load_run_recipe(folder), read_model(folder / MODEL)
    task, facts = loaded.task, loaded.config.training
    loader = SourceLoader(task.encode_source, workers=recipe.data.workers)
    loaded_records = ((x, loader.load(x)) for x in task.read(folder / DEV))
    pairs = [(x, source) for x, source in loaded_records if source is not None]
    search = Predictor(loaded).search()
    texts = write_all(search, task, pairs, recipe.data.batch_length)
    references = [record.text or "" for record, _ in pairs]
    metrics = task.metrics(references, texts)
    name = next(iter(metrics))
    sizes = np.array([len(source) / task.rate for _, source in pairs])
    lengths, by_length = [], []
    for group in np.array_split(np.argsort(sizes, kind="stable"), _BUCKETS):
        if not len(group):
            continue
        lengths.append((float(sizes[group[0]]), float(sizes[group[-1]])))
        part = ([references[i] for i in group], [texts[i] for i in group])
        by_length.append(float(task.metrics(*part)[name]))
    return Cell(
        variant=variant,
        seed=recipe.seed,
        score=float(metrics[name]),
        metrics={key: float(value) for key, value in metrics.items()},
        parameters=facts["parameters"],
        step_seconds=60 * facts["scores"]["minutes"] / max(facts["steps"], 1),
        lengths=lengths,
        by_length=by_length,
        unit=task.unit,
        references=tuple(map(task.normalize, references)),
        hypotheses=tuple(texts),
    )


def _label(chosen: Mapping[str, Any]) -> str:
    """Return the last part of each key and its value, `attention=luong units=64`.

    Keys with equal last parts are written in full.
    """
    last = {key: key.rpartition(".")[2] for key in chosen}
    endings = Counter(last.values())
    parts = []
    for key, value in chosen.items():
        if isinstance(value, Mapping):
            value = ",".join(f"{name}:{item}" for name, item in value.items())
        parts.append(f"{last[key] if endings[last[key]] == 1 else key}={value}")
    return " ".join(parts)


def _is_share(name: str) -> bool:
    return name not in ("bleu", "chrf")  # these are from 0 to 100


def _title(name: str) -> str:
    """Return the heading of a metric, with its unit."""
    word = name.upper() if len(name) <= 4 else name  # WER, BLEU; accuracy, rouge1
    return f"{word} %" if _is_share(name) else word


def _length(value: float) -> str:
    """Return a length to one decimal, whole where it has more digits."""
    return f"{value:.0f}" if value >= 10 else f"{round(value, 1):g}"


def _spread(name: str, values: Sequence[float]) -> str:
    """Return the mean, and the standard deviation of several values; shares in %."""
    scaled = [100 * value if _is_share(name) else value for value in values]
    mean = f"{statistics.fmean(scaled):.1f}"
    if len(scaled) == 1:
        return mean
    return f"{mean} ± {statistics.stdev(scaled):.1f}"
