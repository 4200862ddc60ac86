"""What a run learns from: manifests and tokenizer in its folder, clips it can use."""

from __future__ import annotations

import itertools
import json
import logging
import os
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from asr.batching import Example, Loader
from asr.config import Recipe, SourceConfig
from asr.corpora.prepare import prepare
from asr.errors import DataError
from asr.manifest import Utterance, write_manifest
from asr.model.encoder import state_lengths
from asr.resources import atomic_write
from asr.run_state import DEV, TOKENIZER, TRAIN
from asr.tasks.base import Task
from asr.text import normalizer
from asr.tokenizers import make_tokenizer

log = logging.getLogger(__name__)


def collect(recipe: Recipe, output: Path) -> None:
    """Write the manifests and the tokenizer of a run; the training manifest last.

    Args:
        recipe: Names the sources, below the folder `ASR_DATA` names.
        output: Folder of the run.

    Raises:
        DataError: A source cannot be used.
        OutputError: A file cannot be written.
    """
    train_set = _read_sources(recipe.data.train)
    dev_set = _read_sources(recipe.data.dev)
    data, normalize = recipe.data, normalizer(recipe.data.normalizer)
    tokenizer = make_tokenizer(
        [normalize(utterance.text or "") for utterance in train_set],
        data.tokenizer,
        size=data.pieces,
        characters=data.characters,
    )
    with atomic_write(output / TOKENIZER) as file:
        json.dump(tokenizer.to_json(), file, ensure_ascii=False)
    write_manifest(output / DEV, dev_set)
    write_manifest(output / TRAIN, train_set)


def _read_sources(sources: tuple[SourceConfig, ...]) -> list[Utterance]:
    root = Path(os.environ.get("ASR_DATA", "."))
    utterances: list[Utterance] = []
    for source in sources:
        prepared = prepare(source.corpus, root / source.path, source.subset)
        log.info("%s %s: %s", source.path, source.subset, prepared.report.summary())
        for reason, names in prepared.report.dropped.items():
            log.warning(
                "%s: left out %d clips: %s (%s%s)",
                source.path,
                len(names),
                reason,
                names[0],
                ", ..." if len(names) > 1 else "",
            )
        utterances.extend(prepared.utterances * source.repeat)
    return utterances


def usable(
    utterances: Iterable[Utterance], recipe: Recipe, task: Task
) -> list[Example]:
    """Encode the texts of clips, and leave out what cannot be learned from.

    Left out, and counted in a warning, are clips that are too long, have no text after
    normalisation, or have more characters than CTC frames even where nothing else is
    wrong with them.

    Args:
        utterances: Clips with text and duration.
        recipe: Bounds, frame rate and playback speeds.
        task: Encodes texts.

    Raises:
        DataError: Nothing is left.
    """
    examples = []
    reasons: Counter[str] = Counter()
    for utterance in utterances:
        labels = task.encode_target(utterance.text or "")
        seconds = utterance.duration or 0.0
        if reason := _unusable(seconds, labels, recipe):
            reasons[reason] += 1
            log.info("left out: %s: %s", utterance.id or utterance.audio, reason)
        else:
            examples.append(Example(utterance, (*labels, task.end), seconds))
    for reason, count in reasons.items():
        log.warning("left out %d of the training clips: %s", count, reason)
    if not examples:
        told = "; ".join(f"{count} {reason}" for reason, count in reasons.items())
        raise DataError(f"no clip can be trained on: {told or 'the data are empty'}")
    return examples


def _unusable(seconds: float, labels: Sequence[int], recipe: Recipe) -> str:
    """Return why a clip is left out, or nothing."""
    if seconds > recipe.data.longest:
        return f"longer than {recipe.data.longest:g} s (data.longest)"
    if not labels:
        return "no text after normalisation"
    fastest = max(recipe.augment.speeds)
    hop = recipe.model.frontend.hop_ms / 1000
    frames = int(seconds / fastest / hop) + 1
    states = state_lengths(frames, recipe.model.encoder.reduction)
    repeats = sum(a == b for a, b in itertools.pairwise(labels))
    if len(labels) + repeats > states:
        return "more characters than CTC frames"
    return ""


def fit_statistics(
    frontend: Any,  # noqa: ANN401 - a Keras layer
    clips: Sequence[Utterance],
    loader: Loader,
    seed: int,
) -> None:
    """Estimate mean and variance of each band from up to 500 clips.

    Args:
        frontend: The layer with `mean` and `variance` to set.
        clips: The training data.
        loader: Reads them.
        seed: Seed of the choice.
    """
    total, squares, frames = np.float64(0.0), np.float64(0.0), 0
    for index in np.random.default_rng(seed).permutation(len(clips))[:500]:
        samples = loader.load(clips[index])
        if samples is not None:
            lengths = np.array([len(samples)], dtype="int32")
            found = np.asarray(frontend.energies(samples[None], lengths))[0]
            energies = found.astype("float64")
            total = total + energies.sum(axis=0)
            squares = squares + np.square(energies).sum(axis=0)
            frames += len(energies)
    mean = total / max(frames, 1)
    frontend.mean.assign(mean)
    frontend.variance.assign(squares / max(frames, 1) - mean**2)
