"""Collects the data of a recipe in the run folder."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from asr.config.schema import LANGUAGE_MODEL, Recipe, SourceConfig
from asr.corpora import CORPORA
from asr.corpora.obtain import sources as archives
from asr.corpora.sources import read_texts
from asr.corpora.text import TEXT_CORPORA
from asr.data.decontamination import OverlapFilter
from asr.errors import DataError, RecipeError, UsageError
from asr.files import data_directory
from asr.tasks import task_class
from asr.tasks.base import Task
from asr.tasks.text import TextTask
from asr.text.normalizers import normalizer
from asr.text.pronunciation import write_lexicon
from asr.text.tokenizers import make_tokenizer, read_tokenizer, write_tokenizer
from asr.training.lexicon import pronunciations
from asr.training.run_folder import DEV, LEXICON, TOKENIZER, TRAIN


def collect(recipe: Recipe, output: Path) -> None:
    """Write manifests, tokenizer and lexicon of a run; the training manifest last.

    Args:
        recipe: Names the sources, in the folder that `ASR_DATA` names.
        output: Folder of the run.

    Raises:
        DataError: A source cannot be used.
        ModelError: `data.tokenizer_file` is not a tokenizer.
        OutputError: A file cannot be written.
    """
    task, data = task_of(recipe), recipe.data
    train_set, dev_set = (_read_sources(s, task) for s in (data.train, data.dev))
    normalize = normalizer(data.normalizer)

    def texts_of(record: Any) -> Iterable[str]:
        return filter(None, task.texts(record, normalize))

    if data.withhold:
        texts: list[str] = []
        for source in data.withhold:
            if source.corpus in TEXT_CORPORA and issubclass(task, TextTask):
                for record in _read_sources([source], task):
                    texts.extend(texts_of(record))  # both sides of pairs
                continue
            with missing_data_advice(source):
                texts.extend(map(normalize, read_texts([source])))
        overlap = OverlapFilter(texts)
        train_set = overlap.without(train_set, texts_of)
    if data.lexicon:
        text = " ".join(text for record in train_set for text in texts_of(record))
        write_lexicon(output / LEXICON, pronunciations(recipe, set(text.split())))
    if data.tokenizer_file:
        tokenizer = read_tokenizer(data_directory() / data.tokenizer_file)
    else:
        tokenizer = make_tokenizer(
            [text for record in train_set for text in texts_of(record)],
            data.tokenizer,
            size=data.pieces,
            characters=data.characters,
        )
    write_tokenizer(output / TOKENIZER, tokenizer)
    task.write(output / DEV, dev_set)
    task.write(output / TRAIN, train_set)


def task_of(recipe: Recipe) -> type[Task]:
    """Look up the task of a recipe.

    Raises:
        RecipeError: There is no such task.
    """
    if recipe.task == LANGUAGE_MODEL:
        raise RecipeError("task: language models are trained by `asr train` only")
    try:
        return task_class(recipe.task)
    except UsageError as error:
        raise RecipeError(f"task: {error}") from error


@contextmanager
def missing_data_advice(source: SourceConfig) -> Iterator[None]:
    """Say in the error of a source that is not there where it is looked for."""
    path = data_directory() / source.path
    try:
        yield
    except DataError as error:
        if path.exists():
            raise
        folder = os.environ.get("ASR_DATA")
        where = (
            f"ASR_DATA names {folder}"
            if folder
            else "set ASR_DATA to the folder of your data"
        )
        online = source.corpus in CORPORA and archives(source.corpus)
        fetch = ", or let `asr run RECIPE --download` fetch it" if online else ""
        raise DataError(f"{path}: no such file or folder; {where}{fetch}") from error


def _read_sources(sources: Iterable[SourceConfig], task: type[Task]) -> list[Any]:
    root = data_directory()
    records: list[Any] = []
    for source in sources:
        with missing_data_advice(source):
            part = list(task.prepare(source, root))
        records.extend(part[: source.limit or None] * source.repeat)
    return records
