"""Model folders: writing, verification, loading.

A model folder holds five files:

- `config.json`: task, model, decoding, calibration, facts about the training
- `tokenizer.json`: characters, subwords or labels
- `model.weights.npz`: NumPy arrays by weight path
- `README.md`: the model card, to read and to edit
- `SHA256SUMS`: checksums of the first three

Checksums are verified before a folder is loaded. Nothing is executed or unpickled.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
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
from asr.errors import ModelError, RecipeError, UsageError
from asr.files import (
    CONFIG,
    LARGEST_TEXT,
    WEIGHTS,
    atomic_write,
    read_text,
    unread_reason,
)
from asr.runtime.network import Network
from asr.storage.checksums import checksum
from asr.storage.weights import (
    LARGEST_WEIGHTS,
    MappedArrays,
    check_numbers,
    write_arrays,
)
from asr.tasks import task_class
from asr.tasks.base import Task
from asr.text.normalizers import normalizer
from asr.text.tokenizers import read_tokenizer

FORMAT = 1
TOKENIZER, CARD, SUMS = "tokenizer.json", "README.md", "SHA256SUMS"
_SUMMED = (CONFIG, TOKENIZER, WEIGHTS)
_LARGEST_SUMS = 10_000  # bytes


@dataclass(frozen=True)
class FolderConfig:
    """Content of `config.json`.

    Attributes:
        format: Version of the folder's layout.
        task: Name of a task; see `asr.tasks.task_class`. Or `language_model`.
        normalizer: Text normaliser of the training references.
        language: ISO 639-1 code.
        model: Architecture and sizes.
        decoding: Default decoding options.
        calibration: Map from word probabilities to confidences.
        spellings: Words with capitals inside, such as `McDonald`, that a model of the
            task `restoration` writes so.
        words: Words of the training targets, in lower case with spaces between them. A
            model of the task `translation` that copies writes these and words of the
            source; if empty, any.
        training: Facts about the training: name, data, steps, scores.
    """

    format: int = FORMAT
    task: str = "speech_recognition"
    normalizer: str = "librispeech-1"
    language: str = "en"
    model: ModelConfig = field(default_factory=ModelConfig)
    decoding: DecodingConfig = field(default_factory=DecodingConfig)
    calibration: Calibration = field(default_factory=Calibration)
    spellings: tuple[str, ...] = ()
    words: str = ""
    training: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class LoadedModel:
    """A model folder in memory.

    Attributes:
        config: Content of `config.json`.
        task: Preprocessing and postprocessing.
        network: The network, ready to run.
    """

    config: FolderConfig
    task: Task
    network: Network


def write_model(
    folder: Path,
    config: Any,
    *,
    tokenizer: Mapping[str, Any],
    weights: Mapping[str, np.ndarray],
    card: str,
    packed: Callable[[str], bool] = lambda _: False,
) -> None:
    """Write a model folder: each file complete or not at all, the checksums last.

    Args:
        folder: Created if it does not exist.
        config: Content of `config.json`, a dataclass such as `FolderConfig`.
        tokenizer: Content of `tokenizer.json`.
        weights: Arrays by weight path.
        card: Content of `README.md`.
        packed: Names the arrays to compress. The others can be memory-mapped;
            compression saves little for network weights.

    Raises:
        OutputError: A file cannot be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    (folder / SUMS).unlink(missing_ok=True)
    _write_json(folder / CONFIG, to_dict(config))
    _write_json(folder / TOKENIZER, dict(tokenizer))
    with atomic_write(folder / CARD) as file:
        file.write(card)
    with atomic_write(folder / WEIGHTS, "wb") as file:
        write_arrays(file, weights, packed)
    _write_sums(folder)


def write_calibration(folder: Path, calibration: Calibration) -> None:
    """Store the calibration of word confidences in a model folder.

    Raises:
        ModelError: The folder is damaged, or not a model folder.
        OutputError: A file cannot be written.
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
        for name in _SUMMED:
            file.write(f"{checksum(folder / name)}  {name}\n")


def read_model(folder: Path, threads: int = 0) -> LoadedModel:
    """Verify a model folder and load the model.

    Args:
        folder: The model folder.
        threads: As in `Network`.

    Raises:
        ModelError: A file is missing, altered, too large, or inconsistent.
    """
    verify(folder)
    config = read_config(folder)
    if config.task == LANGUAGE_MODEL:
        raise ModelError(
            f"{folder}: a language model; name it in decoding.language_model of another"
        )
    tokenizer = read_tokenizer(folder / TOKENIZER)
    task = task_class(config.task)(tokenizer, config.model, config.normalizer)
    path = folder / WEIGHTS
    arrays = MappedArrays(path)
    check_numbers(arrays, path)
    try:
        normalizer(config.normalizer)
        network = Network(
            config.model,
            arrays,
            vocabulary=task.vocabulary,
            text=task.modality == "text",
            release=arrays.release,
            threads=threads,
        )
    except RecipeError as error:
        raise ModelError(f"{folder / CONFIG}: {error}") from error
    except ModelError as error:
        raise ModelError(f"{path}: {error}") from error
    return LoadedModel(config, task, network)


def sources_of(folder: Path) -> list[dict[str, Any]]:
    """Return the data sources that a model was trained on, from `config.json`.

    Raises:
        ModelError: `config.json` is missing or invalid.
    """
    sources = read_config(folder).training.get("sources", [])
    try:
        return [to_dict(from_dict(SourceConfig, source)) for source in sources]
    except (RecipeError, TypeError) as error:
        raise ModelError(f"{folder / CONFIG}: training.sources: {error}") from error


def read_config(folder: Path) -> FolderConfig:
    """Read `config.json`; an unknown key is an error.

    Raises:
        ModelError: `config.json` is missing or invalid.
    """
    path = folder / CONFIG
    try:
        tree = json.loads(read_text(path))
    except (OSError, ValueError, RecursionError) as error:
        raise ModelError(f"{path}: not a readable JSON file: {error}") from error
    if not isinstance(tree, dict) or tree.get("format") != FORMAT:
        raise ModelError(
            f"{path}: not of format {FORMAT}; it may need a newer release of asr"
        )
    training = tree.pop("training", {})
    if not isinstance(training, dict):
        raise ModelError(f"{path}: training must be a JSON object")
    try:
        config = from_dict(FolderConfig, tree)
    except RecipeError as error:
        raise ModelError(f"{path}: {error}") from error
    if config.task != LANGUAGE_MODEL:
        try:
            task_class(config.task)
        except UsageError as error:
            raise ModelError(f"{path}: {error}") from error
    return replace(config, training=training)


def describe(folder: Path) -> dict[str, Any]:
    """Verify a model folder; return the facts of `config.json`, and the model card.

    The facts are those of the last training; the card tells the whole story.

    Raises:
        ModelError: The folder is damaged, or not a model folder.
    """
    verify(folder)
    config = read_config(folder)
    size = sum(file.stat().st_size for file in folder.iterdir() if file.is_file())
    facts = {
        "folder": str(folder),
        "task": config.task,
        "language": config.language,
        "normalizer": config.normalizer,
        "megabytes": round(size / 1e6, 1),
        **config.training,
    }
    if config.task != LANGUAGE_MODEL:
        facts["decoding"] = to_dict(config.decoding)
    if card := read_card(folder):
        facts["card"] = card
    return facts


def verify(folder: Path) -> None:
    """Check what a model computes with against `SHA256SUMS`.

    Raises:
        ModelError: A file is missing, altered or too large.
    """
    if not folder.is_dir():
        raise ModelError(f"{folder}: no such model folder")
    sums = folder / SUMS
    if not sums.is_file():
        raise ModelError(f"{folder}: not a model folder: it has no {SUMS}")
    try:
        lines = read_text(sums, _LARGEST_SUMS).splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise ModelError(f"{sums}: {unread_reason(error)}") from error
    listed = {name: digest for digest, _, name in (x.partition("  ") for x in lines)}
    for name in _SUMMED:
        path = folder / name
        if not path.is_file():
            raise ModelError(f"{path}: missing; download or train the model again")
        largest = LARGEST_WEIGHTS if name == WEIGHTS else LARGEST_TEXT
        if path.stat().st_size > largest:
            raise ModelError(f"{path}: larger than the limit of {largest:,} bytes")
        if listed.get(name) != _checksum(path):
            raise ModelError(f"{path}: damaged: it does not match {SUMS}")


def _checksum(path: Path) -> str:
    try:
        return checksum(path)
    except OSError as error:
        raise ModelError(f"{path}: {unread_reason(error)}") from error


def read_card(folder: Path) -> str:
    """Return the model card of a folder; empty without one."""
    path = folder / CARD
    if not path.is_file():
        return ""
    with path.open(encoding="utf-8", errors="replace") as file:
        return file.read(LARGEST_TEXT)
