"""Speech of TensorFlow Datasets, of builders with one recording and its text.

https://www.tensorflow.org/datasets/catalog/overview; each has a licence of its own.
Needs the extra `tfds`. The corpus is called `tfds:NAME`, or `tfds:NAME/CONFIG:VERSION`,
and its root is the data directory of TensorFlow Datasets. That keeps samples, not
files: they are written once, as FLAC below `flac/` in the root, with a manifest of each
split; remove these to have them written anew.
"""

from __future__ import annotations

import json
import re
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import soundfile

from asr.corpora.base import Corpus
from asr.data.manifest import Utterance, read_manifest, write_manifest
from asr.errors import DataError, UsageError
from asr.files import atomic_write

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PREFIX = "tfds:"
# What builders call the text and the speaker, the best name first.
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
_CLASSES = ("type", "pythonClassName")  # what stored features call their class


def tfds_corpus(name: str) -> Corpus:
    """Return the reader of `tfds:NAME`."""
    builder = name.removeprefix(PREFIX)
    return Corpus(name, partial(_subsets, builder), partial(_read, builder))


def prepare_tfds(name: str, root: Path) -> None:
    """Have TensorFlow Datasets download and prepare a builder, unless it has.

    Args:
        name: As `tfds:NAME`.
        root: Its data directory.

    Raises:
        UsageError: TensorFlow Datasets is not installed, or knows no such builder.
        DataError: It failed.
    """
    builder = _builder(name.removeprefix(PREFIX), root)
    try:
        builder.download_and_prepare()
    except Exception as error:  # whatever the builder's own code raises
        reason = str(error).partition("\n")[0]
        raise DataError(f"{name}: cannot be prepared: {reason}") from error


def _builder(name: str, root: Path) -> Any:
    try:
        import tensorflow_datasets as tfds  # noqa: PLC0415 - an extra, and slow
    except ImportError as error:
        raise UsageError(
            f"tfds:{name} needs: pip install '.[tfds]' from asr's checkout"
        ) from error
    if not re.fullmatch(r"\w+(/[\w.-]+)?(:[\d.*]+)?", name):
        # A namespace, whose register names code of strangers.
        raise UsageError(f"tfds:{name}: write NAME, NAME/CONFIG or NAME:VERSION")
    _check_features(root / re.split("[/:]", name)[0])
    try:
        return tfds.builder(name, data_dir=root)
    except Exception as error:  # whatever the builder's own code raises
        reason = str(error).partition("\n")[0]
        raise UsageError(f"tfds:{name}: {reason}") from error


def _check_features(folder: Path) -> None:
    """Refuse stored features that would have modules of others imported.

    Raises:
        DataError: The message names the file and the class.
    """
    for path in sorted(folder.rglob("features.json")):
        kinds: list[str] = []

        def note(entry: dict[str, Any], kinds: list[str] = kinds) -> None:
            kinds += [str(entry[key]) for key in _CLASSES if key in entry]

        try:
            json.loads(path.read_bytes(), object_hook=note)
        except (OSError, ValueError, RecursionError) as error:
            raise DataError(f"{path}: not readable: {error}") from error
        for kind in kinds:
            if not kind.startswith("tensorflow_datasets."):
                raise DataError(f"{path}: {kind} is no feature of TensorFlow Datasets")


def _subsets(name: str, root: Path) -> list[str]:
    return list(_builder(name, root).info.splits)


def _read(name: str, root: Path, subset: str) -> Iterator[Utterance]:
    folder = root / "flac" / re.sub(r"[^\w.-]+", "-", name)
    manifest = folder / f"{subset}.jsonl"
    if not manifest.is_file():
        builder = _builder(name, root)
        if subset not in builder.info.splits:
            there = ", ".join(builder.info.splits) or "nothing; give --download"
            raise DataError(f"{root}: tfds:{name} has no {subset!r} here, but {there}")
        (folder / subset).mkdir(parents=True, exist_ok=True)
        write_manifest(manifest, _export(name, builder, subset, folder / subset))
    yield from read_manifest(manifest)


def _export(name: str, builder: Any, subset: str, folder: Path) -> Iterator[Utterance]:
    """Write each recording as FLAC of 16 bits."""
    features = builder.info.features
    sounds = [k for k, feature in features.items() if _is_audio(feature)]
    texts = [key for key in _TEXTS if key in features]
    if len(sounds) != 1 or not texts:
        raise DataError(f"tfds:{name}: no recording with a text in {list(features)}")
    sound, text = sounds[0], texts[0]
    rate = features[sound].sample_rate
    if not rate:
        raise DataError(f"tfds:{name}: does not tell the sample rate of {sound!r}")
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
            _word(example[text]),
            len(samples) / rate,
            speaker=_first(example, _SPEAKERS),
            id=_first(example, _IDS) or str(number),
        )


def _is_audio(feature: Any) -> bool:
    return type(feature).__name__ == "Audio"


def _first(example: dict[str, Any], keys: tuple[str, ...]) -> str | None:
    return next((_word(example[key]) for key in keys if key in example), None)


def _word(value: Any) -> str:
    return value.decode(errors="replace") if isinstance(value, bytes) else str(value)
