"""A whole experiment in one folder: prepare, train, evaluate."""

from __future__ import annotations

import hashlib
import json
import logging
import re
from collections.abc import Callable, Container, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from asr.checkpoint import SUMS
from asr.config import Recipe, SourceConfig
from asr.corpora import corpus
from asr.corpora.base import check_subset
from asr.corpora.text import TEXT_CORPORA
from asr.environment import environment
from asr.errors import DataError, RecipeError, TrainingError
from asr.evaluation import Evaluation, evaluate
from asr.evaluation_page import page
from asr.pipeline import load
from asr.resources import atomic_write, data_directory
from asr.run_report import ENVIRONMENT, REPORT, SCORES, run_report
from asr.run_state import MODEL
from asr.tasks.text import TextTask
from asr.text import normalizer
from asr.text_evaluation import TextEvaluation, evaluate_texts
from asr.text_pipeline import load_text
from asr.training import begin, is_finished, resume
from asr.training_data import task_of

log = logging.getLogger(__name__)


def run(
    recipe: Recipe,
    output: Path,
    *,
    skip: Container[str] = (),
    tell: Callable[[str], None] = log.info,
) -> dict[str, dict[str, Any]]:
    """Take a recipe from its data to scores; called again, go on where it stopped.

    The folder then holds that of `train`, `test-PART.jsonl` for each part of
    `data.test`, `scores/PART.json` with figures, `.txt` with the same for people,
    `.jsonl` with what was written and, of recordings, `.html` with alignments;
    `environment.jsonl` with a line for each call, `run.log`, and `report.html`.

    Args:
        recipe: What to train on what, and what to score on.
        output: Folder of the run.
        skip: Stages, of `asr.config.STAGES`, that are not run.
        tell: Told what is being done.

    Returns:
        Part of `data.test` -> its figures, as in `scores/PART.json`.

    Raises:
        DataError: The data of the recipe cannot be used.
        RecipeError: Two parts to be scored have the same name.
        TrainingError: Training cannot go on, a stage that was skipped is needed, or the
            folder holds a run of another recipe.
        OutputError: The folder cannot be written.
    """
    parts = _named(recipe.data.test)
    output.mkdir(parents=True, exist_ok=True)
    with _logged(output / "run.log"):
        if "prepare" not in skip:
            tell(f"prepare   {output}")
            begin(recipe, output)
            _write_tests(recipe, parts, output)
        _note_environment(recipe, output)
        if "train" not in skip and not is_finished(output):
            tell(f"train     {output / MODEL}")
            resume(output)
        if "evaluate" not in skip:
            _evaluate(recipe, list(parts), output, tell)
        found = {name: _read(output, name) for name in parts}
        with atomic_write(output / REPORT) as file:
            file.writelines(run_report(output))
    return {name: scores for name, scores in found.items() if scores}


def _named(sources: Iterable[SourceConfig]) -> dict[str, SourceConfig]:
    """Name the parts to be scored after corpus and subset, such as `an4-test`."""
    parts: dict[str, SourceConfig] = {}
    for source in sources:
        words = [Path(source.path).name.partition(".")[0], source.subset]
        name = re.sub(r"[^\w.=-]+", "_", "-".join(words[: 1 + (words[1] != "all")]))
        if name in parts:
            raise RecipeError(f"data.test: two parts are called {name}")
        parts[name] = source
    return parts


@contextmanager
def _logged(path: Path) -> Iterator[None]:
    """Have what the program tells written to a file as well."""
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
    before = path.read_text(encoding="utf-8") if path.exists() else ""
    with atomic_write(path) as file:
        file.write(before)
        file.write(json.dumps({**environment(), "seed": recipe.seed}) + "\n")


def _test_file(output: Path, name: str) -> Path:
    return output / f"test-{name}.jsonl"


def _write_tests(recipe: Recipe, parts: dict[str, SourceConfig], output: Path) -> None:
    """Write what will be scored, so that it is known to be there before training."""
    task = task_of(recipe)
    for name, source in parts.items():
        path = _test_file(output, name)
        if not path.is_file():
            records = list(_records(source))[: source.limit or None]
            if not records:
                raise DataError(f"{source.path}: nothing in {source.subset} to score")
            task.write(path, records)


def _records(source: SourceConfig) -> Iterator[Any]:
    """Read a part of a corpus as it is: a test leaves nothing out."""
    root = data_directory() / source.path
    if source.corpus in TEXT_CORPORA:
        return TEXT_CORPORA[source.corpus](root, source.subset)
    reader = corpus(source.corpus)
    check_subset(source.corpus, root, source.subset, reader.subsets(root))
    return reader.read(root, source.subset)


def _evaluate(
    recipe: Recipe, parts: list[str], output: Path, tell: Callable[[str], None]
) -> None:
    sums = output / MODEL / SUMS
    if not sums.is_file():
        raise TrainingError(f"{output / MODEL}: no model to evaluate; train one first")
    model = hashlib.sha256(sums.read_bytes()).hexdigest()
    parts = [name for name in parts if _read(output, name).get("model") != model]
    if not parts:
        return
    (output / SCORES).mkdir(exist_ok=True)
    task = task_of(recipe)
    score = _score_texts if issubclass(task, TextTask) else _score_speech
    for name, evaluation in score(recipe, _files(parts, output, tell), output):
        base = output / SCORES / name
        with atomic_write(base.with_name(f"{name}.jsonl")) as file:
            for result in evaluation.results:
                line = json.dumps(result.to_json(), ensure_ascii=False)
                file.write(line + "\n")
        with atomic_write(base.with_name(f"{name}.txt")) as file:
            file.write(evaluation.summary() + "\n")
        # The last one: it says that this part is done.
        with atomic_write(base.with_name(f"{name}.json")) as file:
            json.dump({"model": model, **evaluation.to_json()}, file, indent=1)


def _files(
    parts: list[str], output: Path, tell: Callable[[str], None]
) -> Iterator[tuple[str, Path]]:
    for name in parts:
        path = _test_file(output, name)
        if not path.is_file():
            raise TrainingError(f"{path}: missing; do not skip the stage prepare")
        tell(f"evaluate  {output / SCORES / name}.json")
        yield name, path


def _score_texts(
    recipe: Recipe, files: Iterable[tuple[str, Path]], output: Path
) -> Iterator[tuple[str, TextEvaluation]]:
    # A model of lower case is not to be blamed for it.
    lowercase = normalizer(recipe.data.normalizer)("A") == "a"
    generator = load_text(output / MODEL)
    for name, path in files:
        pairs = list(generator.task.read(path))
        yield name, evaluate_texts(generator, pairs, lowercase=lowercase)


def _score_speech(
    recipe: Recipe, files: Iterable[tuple[str, Path]], output: Path
) -> Iterator[tuple[str, Evaluation]]:
    recognizer = load(output / MODEL)
    for name, path in files:
        utterances = list(recognizer.task.read(path))
        found = evaluate(recognizer, utterances, normalizer=recipe.data.normalizer)
        with atomic_write(output / SCORES / f"{name}.html") as file:
            file.writelines(f"{part}\n" for part in page(name, recognizer, found))
        yield name, found


def _read(output: Path, name: str) -> dict[str, Any]:
    """Return the figures of a part, or nothing where there are none yet."""
    path = output / SCORES / f"{name}.json"
    if not path.is_file():
        return {}
    found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return found
