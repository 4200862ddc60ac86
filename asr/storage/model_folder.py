"""The model folder: written whole, verified before anything is believed.

A folder holds `config.json` (task, sizes, decoding, what it was trained on),
`tokenizer.json`, `model.weights.npz` (plain arrays), `README.md` (the model card) and
`SHA256SUMS` of these. Nothing in it is ever executed or unpickled.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from asr.config.parsing import from_dict, to_dict
from asr.config.schema import (
    LANGUAGE_MODEL,
    Calibration,
    DecodingConfig,
    ModelConfig,
    SourceConfig,
)
from asr.errors import ModelError, RecipeError
from asr.files import atomic_write
from asr.model.seq2seq import Seq2Seq
from asr.storage.weights import LARGEST_WEIGHTS, assign_arrays, read_arrays
from asr.tasks import TASKS
from asr.tasks.base import Task
from asr.text.normalizers import normalizer
from asr.text.tokenizers import read_tokenizer

FORMAT = 1
CONFIG, TOKENIZER, WEIGHTS = "config.json", "tokenizer.json", "model.weights.npz"
CARD, SUMS = "README.md", "SHA256SUMS"
_LARGEST_TEXT = 10_000_000  # bytes of a JSON file


@dataclass(frozen=True)
class FolderConfig:
    """What `config.json` says.

    Attributes:
        format: Version of the folder's layout.
        task: A key of `asr.tasks.TASKS`, or `language_model`.
        normalizer: Text normaliser of the references it learned from.
        language: ISO 639-1 code.
        model: Sizes.
        decoding: How hypotheses are searched for unless the caller says otherwise.
        calibration: From the probability of a word to how sure one may be of it.
        training: Facts for people: name, data, steps, scores.
    """

    format: int = FORMAT
    task: str = "speech_recognition"
    normalizer: str = "librispeech-1"
    language: str = "en"
    model: ModelConfig = field(default_factory=ModelConfig)
    decoding: DecodingConfig = field(default_factory=DecodingConfig)
    calibration: Calibration = field(default_factory=Calibration)
    training: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class LoadedModel:
    """A model folder in memory.

    Attributes:
        config: What `config.json` says.
        task: Preprocessor and postprocessor.
        model: The network.
    """

    config: FolderConfig
    task: Task
    model: Seq2Seq


def build(task: Task, **options: Any) -> Seq2Seq:
    """Return a fresh network for a task; `options` go to `Seq2Seq`."""
    return Seq2Seq(task.model, task.vocabulary, task.frontend(), **options)


def write_model(
    folder: Path,
    config: Any,
    *,
    tokenizer: Mapping[str, Any],
    weights: Mapping[str, np.ndarray],
    card: str,
    compressed: bool = False,
) -> None:
    """Write a model folder; each file is complete or absent, the sums come last.

    Args:
        folder: Created if it does not exist.
        config: What goes into `config.json`, a dataclass such as `FolderConfig`.
        tokenizer: What goes into `tokenizer.json`.
        weights: Arrays by path.
        card: Text of `README.md`.
        compressed: Whether to compress the arrays, which does little for weights.

    Raises:
        OutputError: The folder cannot be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    (folder / SUMS).unlink(missing_ok=True)
    texts = {CONFIG: to_dict(config), TOKENIZER: dict(tokenizer)}
    for name, tree in texts.items():
        _write_json(folder / name, tree)
    with atomic_write(folder / CARD) as file:
        file.write(card)
    with atomic_write(folder / WEIGHTS, "wb") as file:
        save = np.savez_compressed if compressed else np.savez
        save(file, **weights)  # type: ignore[arg-type]  # the stub mistakes them for allow_pickle
    _write_sums(folder)


def write_calibration(folder: Path, calibration: Calibration) -> None:
    """Put how sure one may be of words into a model folder.

    Raises:
        ModelError: The folder is damaged, or not a model's.
        OutputError: The folder cannot be written.
    """
    verify(folder)
    config = replace(read_config(folder), calibration=calibration)
    _write_json(folder / CONFIG, to_dict(config))
    _write_sums(folder)


def _write_json(path: Path, tree: dict[str, Any]) -> None:
    with atomic_write(path) as file:
        json.dump(tree, file, indent=1, ensure_ascii=False)
        file.write("\n")


def _write_sums(folder: Path) -> None:
    with atomic_write(folder / SUMS) as file:
        for name in (CONFIG, TOKENIZER, WEIGHTS, CARD):
            file.write(f"{_digest(folder / name)}  {name}\n")


def read_model(folder: Path) -> LoadedModel:
    """Verify a model folder and rebuild the model.

    Raises:
        ModelError: A file is missing, altered, too large, or does not fit the others.
    """
    verify(folder)
    config = read_config(folder)
    if config.task == LANGUAGE_MODEL:
        raise ModelError(f"{folder}: a language model, which only helps other models")
    tokenizer = read_tokenizer(folder / TOKENIZER)
    task = TASKS[config.task](tokenizer, config.model, config.normalizer)
    try:
        normalizer(config.normalizer)
        model = build(task)
    except RecipeError as error:
        raise ModelError(f"{folder / CONFIG}: {error}") from error
    assign_arrays(model.weights, read_arrays(folder / WEIGHTS), folder / WEIGHTS)
    return LoadedModel(config, task, model)


def start_from(model: Seq2Seq, task: Task, folder: Path) -> None:
    """Put the weights of a model folder into a fresh network.

    Raises:
        ModelError: The folder is damaged, or of another model: what stands for a token
            and the shapes of all weights have to be the same. Only a head of phones may
            be new, or left out.
    """
    verify(folder)
    tokenizer = read_tokenizer(folder / TOKENIZER)
    if tokenizer.to_json() != task.tokenizer.to_json():
        raise ModelError(f"{folder}: its {TOKENIZER} is not that of the recipe's data")
    known, wanted = read_config(folder).model.phones, task.model.phones
    if known and wanted and known != wanted:
        raise ModelError(f"{folder}: its model.phones are not those of the recipe")

    def shared(name: str) -> bool:
        return known == wanted or not name.startswith("phones/")

    path = folder / WEIGHTS
    arrays = {name: it for name, it in read_arrays(path).items() if shared(name)}
    assign_arrays([it for it in model.weights if shared(it.path)], arrays, path)
    model.masking.batches.assign(0)  # masks and smoothing begin anew


def sources_of(folder: Path) -> list[dict[str, Any]]:
    """Return what `config.json` says that a model was trained on.

    Raises:
        ModelError: It is missing or not valid.
    """
    sources = read_config(folder).training.get("sources", [])
    try:
        return [to_dict(from_dict(SourceConfig, source)) for source in sources]
    except (RecipeError, TypeError) as error:
        raise ModelError(f"{folder / CONFIG}: training.sources: {error}") from error


def read_config(folder: Path) -> FolderConfig:
    """Read `config.json`, whose set of names is closed.

    Raises:
        ModelError: It is missing or not valid.
    """
    path = folder / CONFIG
    tree = _read_json(path)
    if not isinstance(tree, dict) or tree.get("format") != FORMAT:
        raise ModelError(
            f"{path}: not a model of format {FORMAT}; it may need a newer release"
        )
    training = tree.pop("training", {})
    if not isinstance(training, dict):
        raise ModelError(f"{path}: training: expected keys and values")
    try:
        config = from_dict(FolderConfig, tree)
    except RecipeError as error:
        raise ModelError(f"{path}: {error}") from error
    if config.task not in {*TASKS, LANGUAGE_MODEL}:
        raise ModelError(f"{path}: unknown task {config.task!r}")
    return replace(config, training=training)


def describe(folder: Path) -> dict[str, Any]:
    """Return what a model folder says of itself, after verifying it.

    Raises:
        ModelError: It is damaged or not a model folder.
    """
    verify(folder)
    config = read_config(folder)
    size = sum(file.stat().st_size for file in folder.iterdir() if file.is_file())
    described = {
        "folder": str(folder),
        "task": config.task,
        "language": config.language,
        "normalizer": config.normalizer,
        "megabytes": round(size / 1e6, 1),
        **config.training,
    }
    if config.task in TASKS:
        described["decoding"] = to_dict(config.decoding)
    return described


def verify(folder: Path) -> None:
    """Compare all files of a model folder with `SHA256SUMS`.

    Raises:
        ModelError: A file is missing, altered or too large.
    """
    if not folder.is_dir():
        raise ModelError(f"{folder}: no such model folder")
    sums = folder / SUMS
    if not sums.is_file():
        raise ModelError(f"{folder}: not a model folder: it has no {SUMS}")
    listed = {}
    for line in sums.read_text(encoding="utf-8", errors="replace").splitlines():
        digest, _, name = line.partition("  ")
        listed[name] = digest
    for name in (CONFIG, TOKENIZER, WEIGHTS, CARD):
        path = folder / name
        if not path.is_file():
            raise ModelError(f"{path}: missing; download or train the model again")
        largest = LARGEST_WEIGHTS if name == WEIGHTS else _LARGEST_TEXT
        if path.stat().st_size > largest:
            raise ModelError(f"{path}: larger than any model of this kind")
        if listed.get(name) != _digest(path):
            raise ModelError(f"{path}: damaged: it does not match {SUMS}")


def read_card(folder: Path) -> str:
    """Return the model card of a folder."""
    return (folder / CARD).read_text(encoding="utf-8", errors="replace")


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _read_json(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise ModelError(f"{path}: not a readable JSON file: {error}") from error
