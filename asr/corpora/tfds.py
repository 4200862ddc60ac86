"""Speech corpora of TensorFlow Datasets, as `tfds:NAME` or `tfds:NAME/CONFIG:VERSION`.

Shape: builders with one recording and one text in each example. The root is the data
directory of TensorFlow Datasets. On first use, each split is exported to FLAC files and
a manifest below `flac/` in the root; remove these to export again.
Needs the extra `tfds`. Licence: that of each builder.
Source: https://www.tensorflow.org/datasets/catalog/overview
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import soundfile

from asr.corpora.base import Corpus, Row
from asr.data.manifest import Utterance, read_manifest, write_manifest
from asr.errors import DataError, UsageError, install_hint
from asr.files import atomic_write

PREFIX = "tfds:"
# Features of text and speaker in the builders, the best name first.
_TEXTS = (
    "text_normalized",
    "normalized_text",
    "text",
    "sentence",
    "transcription",
    "transcript",
)
_SPEAKERS = ("speaker_id", "speaker", "client_id")
_IDS = ("id", "utt_id", "path")
_CLASSES = {"type", "pythonClassName"}  # keys of a class in features.json


def tfds_corpus(name: str) -> Corpus:
    """Return the reader of `tfds:NAME`."""
    builder = name.removeprefix(PREFIX)

    def subsets(root: Path) -> list[str]:
        return list(_builder(builder, root).info.splits)

    return Corpus(name, subsets, partial(_read, builder))


def prepare_tfds(name: str, root: Path) -> None:
    """Download and prepare a builder of TensorFlow Datasets, unless this is done.

    Args:
        name: `tfds:NAME`.
        root: Data directory of TensorFlow Datasets.

    Raises:
        UsageError: TensorFlow Datasets is not installed, or the builder is unknown.
        DataError: The builder failed.
    """
    builder = _builder(name.removeprefix(PREFIX), root)
    try:
        builder.download_and_prepare()
    except Exception as error:  # the builder's own code may raise anything
        reason = str(error).partition("\n")[0]
        raise DataError(f"{name}: cannot be prepared: {reason}") from error


def _builder(name: str, root: Path) -> Any:
    try:
        import tensorflow_datasets as tfds  # noqa: PLC0415 - an extra, and slow
    except ImportError as error:
        raise UsageError(f"tfds:{name} needs: {install_hint('tfds')}") from error
    if not re.fullmatch(r"\w+(/[\w.-]+)?(:[\d.*]+)?", name):
        # Other forms name a namespace, whose code is not trusted.
        raise UsageError(f"tfds:{name}: write NAME, NAME/CONFIG or NAME:VERSION")
    _check_features(root / re.split("[/:]", name)[0])
    try:
        return tfds.builder(name, data_dir=root)
    except Exception as error:  # the builder's own code may raise anything
        reason = str(error).partition("\n")[0]
        raise UsageError(f"tfds:{name}: {reason}") from error


def _check_features(folder: Path) -> None:
    """Check that stored features import modules of TensorFlow Datasets only.

    Raises:
        DataError: Another class is named, or a file cannot be read.
    """
    for path in sorted(folder.rglob("features.json")):
        objects: list[dict[str, Any]] = []
        try:
            json.loads(path.read_bytes(), object_hook=objects.append)
        except (OSError, ValueError, RecursionError) as error:
            raise DataError(f"{path}: not readable: {error}") from error
        for kind in (entry[k] for entry in objects for k in _CLASSES & entry.keys()):
            if not str(kind).startswith("tensorflow_datasets."):
                raise DataError(f"{path}: {kind} is not in TensorFlow Datasets")


def _read(name: str, root: Path, subset: str) -> Iterator[Row]:
    folder = root / "flac" / re.sub(r"[^\w.-]+", "-", name)
    manifest = folder / f"{subset}.jsonl"
    if not manifest.is_file():
        builder = _builder(name, root)
        if subset not in builder.info.splits:
            there = ", ".join(builder.info.splits) or "nothing; give --download"
            raise DataError(
                f"{root}: tfds:{name} has no subset {subset!r} here; it has {there}"
            )
        (folder / subset).mkdir(parents=True, exist_ok=True)
        write_manifest(manifest, _export(name, builder, subset, folder / subset))
    yield from read_manifest(manifest)


def _export(name: str, builder: Any, subset: str, folder: Path) -> Iterator[Utterance]:
    """Write each recording as FLAC of 16 bits; yield its utterance."""
    features = builder.info.features
    sounds = [key for key, x in features.items() if type(x).__name__ == "Audio"]
    texts = [key for key in _TEXTS if key in features]
    if len(sounds) != 1 or not texts:
        raise DataError(
            f"tfds:{name}: examples must have one recording and a text, got features "
            f"{list(features)}"
        )
    sound, text = sounds[0], texts[0]
    rate = features[sound].sample_rate
    if not rate:
        raise DataError(f"tfds:{name}: no sample rate for {sound!r}")
    for number, example in enumerate(builder.as_dataset(subset).as_numpy_iterator()):
        samples = np.asarray(example[sound])
        peak = np.abs(samples).max(initial=0)
        if samples.dtype.kind == "f" and peak <= 1:
            samples = samples * 32768
        elif peak > 32768:
            raise DataError(f"tfds:{name}: samples of more than 16 bits")
        samples = np.clip(np.round(samples), -32768, 32767).astype("int16")
        path = folder / f"{number:07}.flac"
        with atomic_write(path, "wb") as file:
            soundfile.write(file, samples, rate, format="FLAC")
        yield Utterance(
            path,
            _string(example[text]),
            len(samples) / rate,
            speaker=_first(example, _SPEAKERS),
            id=_first(example, _IDS) or str(number),
        )


def _first(example: dict[str, Any], keys: tuple[str, ...]) -> str | None:
    return next((_string(example[key]) for key in keys if key in example), None)


def _string(value: Any) -> str:
    return value.decode(errors="replace") if isinstance(value, bytes) else str(value)
