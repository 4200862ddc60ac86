"""Prepares, trains and evaluates a recipe in one folder."""

from __future__ import annotations

import hashlib
import json
import logging
import re
from collections.abc import Callable, Container, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from asr.config.schema import Recipe, SourceConfig
from asr.data.text_files import write_json_lines
from asr.errors import DataError, OutputError, RecipeError, TrainingError
from asr.evaluation.page import page
from asr.evaluation.speech import Evaluation, evaluate
from asr.evaluation.text import TextEvaluation, evaluate_texts
from asr.files import atomic_write, data_directory, read_text
from asr.inference.generator import TextGenerator, load_generator
from asr.inference.loading import load
from asr.inference.recognizer import Recognizer
from asr.reports.run_page import ENVIRONMENT, REPORT, SCORES, run_report
from asr.storage.model_folder import SUMS
from asr.tasks.base import Task
from asr.text.normalizers import normalizer
from asr.training.collect import missing_data_advice, task_of
from asr.training.environment import environment
from asr.training.run_folder import MODEL, RECIPE, load_run_recipe, locked
from asr.training.setup import check
from asr.training.train import begin, check_same_recipe, is_finished, resume

log = logging.getLogger(__name__)


def run(
    recipe: Recipe,
    output: Path,
    *,
    skip: Container[str] = (),
    tell: Callable[[str], None] = log.info,
) -> dict[str, dict[str, Any]]:
    """Prepare, train and evaluate a recipe, or go on where a run stopped.

    The folder is that of `train` with further files: `test-PART.jsonl` and
    `scores/PART.json`, `.txt`, `.jsonl` (hypotheses) and, for speech, `.html` for each
    part of `data.test`; `environment.jsonl`, `run.log` and `report.html`.

    Args:
        recipe: The recipe.
        output: Folder of the run.
        skip: Stages of `asr.config.schema.STAGES` to leave out.
        tell: Called with a line for each step.

    Returns:
        Part of `data.test` -> its figures, as in `scores/PART.json`.

    Raises:
        DataError: The data of the recipe cannot be used.
        RecipeError: The recipe cannot be trained, or names a test part twice.
        TrainingError: Training cannot go on, a skipped stage is needed, or the folder
            contains a run of another recipe.
        OutputError: The folder cannot be written.
    """
    parts = _named(recipe.data.test)
    check(recipe)
    check_same_recipe(recipe, output)
    with locked(output), _logged(output / "run.log"):
        if "prepare" not in skip:
            tell(f"prepare   {output}")
            _write_tests(recipe, parts, output)
            begin(recipe, output)
        _note_environment(recipe, output)
        if "train" not in skip and not is_finished(output):
            tell(f"train     {output / MODEL}")
            resume(output)
        if "evaluate" not in skip:
            _evaluate(recipe, list(parts), output, tell)
        results = {name: _scores(output, name) for name in parts}
        results = {name: scores for name, scores in results.items() if scores}
        with _kept_scores(), atomic_write(output / REPORT) as file:
            file.writelines(run_report(output, list(results)))
    return results


@contextmanager
def _kept_scores() -> Iterator[None]:
    """Turn the error of a page that cannot be written into a warning."""
    try:
        yield
    except OutputError as error:
        log.warning("%s", error)


def _named(sources: Iterable[SourceConfig]) -> dict[str, SourceConfig]:
    """Name the test parts after corpus and subset, such as `an4-test`."""
    parts: dict[str, SourceConfig] = {}
    for source in sources:
        folder = Path(re.sub(r"\.(jsonl|tsv)(\.gz)?$", "", source.path))
        for words in ([folder.name], folder.parts):
            subset = [] if source.subset == "all" else [source.subset]
            name = re.sub(r"[^\w.=-]+", "_", "-".join([*words, *subset])) or "test"
            if name not in parts:
                break
        else:
            raise RecipeError(f"data.test: {name} must not be named twice")
        parts[name] = source
    return parts


@contextmanager
def _logged(path: Path) -> Iterator[None]:
    """Write the log of the program to a file too."""
    logger = logging.getLogger("asr")
    handler = logging.FileHandler(path, encoding="utf-8")
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    handler.setLevel(logging.INFO)
    level = logger.level
    logger.addHandler(handler)
    logger.setLevel(min(logger.getEffectiveLevel(), logging.INFO))
    try:
        yield
    finally:
        logger.setLevel(level)
        logger.removeHandler(handler)
        handler.close()


def _note_environment(recipe: Recipe, output: Path) -> None:
    path = output / ENVIRONMENT
    before = path.read_text("utf-8", "replace") if path.is_file() else ""
    with atomic_write(path) as file:
        file.write(before + json.dumps({**environment(), "seed": recipe.seed}) + "\n")


def _test_file(output: Path, name: str) -> Path:
    return output / f"test-{name}.jsonl"


def _write_tests(recipe: Recipe, parts: dict[str, SourceConfig], output: Path) -> None:
    """Write the test parts before training, so that missing data are found early."""
    begun = (output / RECIPE).is_file()
    same = begun and load_run_recipe(output).data.test == recipe.data.test
    task = task_of(recipe)
    for name, source in parts.items():
        path = _test_file(output, name)
        if not (same and path.is_file()):
            with missing_data_advice(source):
                records = list(_records(source, task))
            task.write(path, records[: source.limit or None])


def _records(source: SourceConfig, task: type[Task]) -> Iterator[Any]:
    """Read a part of a corpus as it is: a test leaves nothing out."""
    record = None
    for record in task.read_source(source, data_directory()):
        if record.text is None:
            raise DataError(f"{record.name}: has no reference text")
        yield record
    if record is None:
        path = data_directory() / source.path
        raise DataError(f"{path}: nothing in {source.subset} to score")


def _evaluate(
    recipe: Recipe, parts: list[str], output: Path, tell: Callable[[str], None]
) -> None:
    if not (output / MODEL / SUMS).is_file():
        raise TrainingError(f"{output / MODEL}: no model to evaluate; train one first")
    for path in (_test_file(output, name) for name in parts):
        if not path.is_file():
            raise TrainingError(f"{path}: missing; do not skip the stage prepare")
    parts = [name for name in parts if not _scores(output, name)]
    if not parts:
        return
    folder = output / SCORES
    folder.mkdir(exist_ok=True)
    speech = task_of(recipe).modality == "speech"
    model = load(output / MODEL) if speech else load_generator(output / MODEL)
    for name in parts:
        tell(f"evaluate  {folder / name}.json")
        evaluation = _score(model, recipe, output, name)
        results = (result.to_json() for result in evaluation.results)
        write_json_lines(folder / f"{name}.jsonl", results)
        with atomic_write(folder / f"{name}.txt") as file:
            file.write(evaluation.summary() + "\n")
        # Written last: it marks this part as done.
        with atomic_write(folder / f"{name}.json") as file:
            scores = {**evaluation.to_json(), "of": _state(output, name)}
            json.dump(scores, file, indent=1)


def _state(output: Path, name: str) -> dict[str, str]:
    """Return checksums of the model and a test part."""
    paths = {"model": output / MODEL / SUMS, "test": _test_file(output, name)}
    return {
        key: hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else ""
        for key, path in paths.items()
    }


def _scores(output: Path, name: str) -> dict[str, Any]:
    """Return the figures of a part; empty if they are of another model or part."""
    path = output / SCORES / f"{name}.json"
    if not path.is_file():
        return {}
    try:
        scores = json.loads(read_text(path))
    except (OSError, ValueError, RecursionError):
        return {}  # damaged: it is made again
    known = isinstance(scores, dict) and scores.get("of") == _state(output, name)
    return scores if known else {}


def _score(
    model: Recognizer | TextGenerator, recipe: Recipe, output: Path, name: str
) -> Evaluation | TextEvaluation:
    records = list(model.task.read(_test_file(output, name)))
    if isinstance(model, TextGenerator):
        # The case of a model with lower-case texts is not an error.
        lowercase = normalizer(recipe.data.normalizer)("A") == "a"
        return evaluate_texts(model, records, lowercase=lowercase)
    evaluation = evaluate(model, records)
    with _kept_scores(), atomic_write(output / SCORES / f"{name}.html") as file:
        facts = {"corpus": _test_file(output, name), "subset": name}
        parts = page(name, recipe.name, model, evaluation, **facts)
        file.writelines(f"{part}\n" for part in parts)
    return evaluation
