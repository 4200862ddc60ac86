"""Utterances -> batches: order of an epoch, parallel decoding, padding.

Batches are a plain NumPy iterator, so that any Keras backend can train on it; on
TensorFlow a `tf.data` pipeline wraps it and prefetches. Everything random follows from
(seed, epoch), never from what ran before: a resumed run sees the same batches.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from operator import attrgetter
from typing import TYPE_CHECKING

import numpy as np

from asr.arrays import pad_rows, round_up_length
from asr.audio.augmentation import WaveformAugmentation
from asr.data.manifest import Record
from asr.errors import DataError

if TYPE_CHECKING:
    import tensorflow as tf

    from asr.data.loader import SourceLoader

log = logging.getLogger(__name__)

Batch = tuple[dict[str, np.ndarray], dict[str, np.ndarray]]
_Pair = tuple[np.ndarray | Sequence[int], Sequence[int]]  # a source and its labels
_Clip = tuple[_Pair, tuple[int, ...]]  # and its phones
_Jobs = list[Future[_Clip | None]]

# Two clips of one bucket differ in length by about this share of the longer.
_JITTER = 0.05
# Unreadable clips are skipped up to this share of the data, then training stops.
MOST_UNREADABLE = 0.05


@dataclass(frozen=True)
class Example:
    """One record with its labels.

    Attributes:
        record: Where the source is.
        labels: Tokens of the reference, closed by the end symbol.
        length: Length of the source, in seconds or tokens.
        phones: How the reference sounds, for models with a head of phones.
    """

    record: Record
    labels: tuple[int, ...]
    length: float
    phones: tuple[int, ...] = ()


def distorted_lengths(
    examples: Sequence[Example],
    distort: WaveformAugmentation | None,
    *,
    seed: int,
    epoch: int,
) -> np.ndarray:
    """Return how long each example will be in an epoch, at the speed drawn for it."""
    lengths = np.array([example.length for example in examples])
    if distort is None:
        return lengths
    return lengths / [
        distort.speed(_draws(seed, epoch, index)) for index in range(len(lengths))
    ]


def _draws(seed: int, epoch: int, index: int) -> np.random.Generator:
    """Return the random stream that an example has in an epoch."""
    return np.random.default_rng((seed, epoch, index))


def plan_epoch(
    lengths: Sequence[float] | np.ndarray,
    *,
    batch_length: float,
    seed: int,
    epoch: int,
    ascending: bool,
) -> list[np.ndarray]:
    """Put examples of similar length together.

    Args:
        lengths: Length of each example.
        batch_length: Most padded length in a batch; a longer example stands alone.
        seed: Seed of the run.
        epoch: Number of the epoch; each has its own order.
        ascending: From the shortest to the longest; otherwise batches are shuffled,
            and so are, within about a tenth of their length, the examples in them.

    Returns:
        Indices of each batch; every example is in exactly one.
    """
    sizes = np.asarray(lengths, dtype="float64")
    random = np.random.default_rng((seed, epoch))
    jitter = random.uniform(1.0 - _JITTER, 1.0 + _JITTER, sizes.shape)
    order = np.argsort(sizes if ascending else sizes * jitter, kind="stable")
    batches: list[np.ndarray] = []
    first, longest = 0, 0.0
    for position, index in enumerate(order):
        longest = max(longest, sizes[index])
        if position > first and longest * (position - first + 1) > batch_length:
            batches.append(order[first:position])
            first, longest = position, sizes[index]
    if first < len(order):
        batches.append(order[first:])
    if not ascending:
        random.shuffle(batches)
    return batches


def batches(  # noqa: PLR0913 - options, each of them named by the caller
    examples: Sequence[Example],
    plan: Sequence[np.ndarray],
    loader: SourceLoader,
    *,
    start_token: int,
    distort: WaveformAugmentation | None = None,
    seed: int = 0,
    epoch: int = 0,
    ahead: int = 3,
    fixed_shapes: bool = False,
) -> Iterator[Batch]:
    """Yield padded batches in the order of a plan, some of them decoded in advance.

    Args:
        examples: All examples of the data set.
        plan: Indices of each batch.
        loader: Reads the sources.
        start_token: What the decoder reads first.
        distort: Changes sources, which then have to be waveforms.
        seed: Seed of the draws.
        epoch: Number of the epoch, part of the seed.
        ahead: Batches that are decoded before they are asked for.
        fixed_shapes: Round lengths up to a coarse grid, for backends that compile
            once for each shape.

    Yields:
        Inputs `source` (B, N) float32, `source_lengths` (B,), `tokens` (B, U) and
        targets `labels` (B, U), `label_lengths` (B,), all int32; where examples have
        phones, `phones` (B, W) and `phone_lengths` (B,) too.

    Raises:
        DataError: More than 5 % of the records cannot be read.
    """
    clips = len(set(map(attrgetter("record"), examples)))

    def read(index: int) -> _Clip | None:
        source, labels = loader.load(examples[index].record), examples[index].labels
        phones = examples[index].phones
        random = _draws(seed, epoch, index)
        if source is None:
            return None
        if distort:
            source = distort(source, random)
        return (source, labels), phones

    def submit(indices: np.ndarray) -> _Jobs:
        return [pool.submit(read, int(index)) for index in indices]

    with (
        ThreadPoolExecutor(loader.workers) as pool,
        closing(_submitted(plan, submit, ahead)) as submitted,
    ):
        for jobs in submitted:
            found = [clip for job in jobs if (clip := job.result()) is not None]
            _check_unreadable(loader, clips)
            if found:
                pairs, phones = zip(*found, strict=True)
                inputs, targets = collate(pairs, start_token, fixed_shapes=fixed_shapes)
                targets |= _phones(phones, fixed_shapes=fixed_shapes)
                yield inputs, targets


def _submitted(
    plan: Sequence[np.ndarray], submit: Callable[[np.ndarray], _Jobs], ahead: int
) -> Generator[_Jobs, None, None]:
    """Submit batches some places before they are yielded; cancel what is left."""
    waiting: deque[_Jobs] = deque()
    try:
        for number in range(len(plan) + ahead):
            if number < len(plan):
                waiting.append(submit(plan[number]))
            if number >= ahead:
                yield waiting.popleft()
    finally:
        for jobs in waiting:
            for job in jobs:
                job.cancel()


def _check_unreadable(loader: SourceLoader, total: int) -> None:
    count = len(loader.unreadable)
    if count > max(1.0, MOST_UNREADABLE * total) or count == total:
        reason = next(iter(loader.unreadable.values()))
        raise DataError(
            f"{count} of {total} clips cannot be read, the first: {reason}; "
            "check the data directory, or run `asr prepare` again"
        )


def collate(
    pairs: Sequence[_Pair],
    start_token: int,
    *,
    fixed_shapes: bool = False,
) -> Batch:
    """Pad sources and labels of a batch with zeros.

    Args:
        pairs: Source (N,) and labels closed by the end symbol, for each example.
        start_token: What the decoder reads before the first label.
        fixed_shapes: Round padded lengths up to a coarse grid.

    Returns:
        Inputs and targets as in `batches`.
    """
    source_lengths = np.array([len(source) for source, _ in pairs], dtype="int32")
    label_lengths = np.array([len(labels) for _, labels in pairs], dtype="int32")
    samples, width = int(source_lengths.max()), int(label_lengths.max())
    if fixed_shapes:
        samples, width = (
            round_up_length(samples, bits=3),
            round_up_length(width, bits=3),
        )
    source = pad_rows([source for source, _ in pairs], samples, "float32")
    labels = pad_rows([labels for _, labels in pairs], width, "int32")
    tokens = np.roll(labels, 1, axis=1)
    tokens[:, 0] = start_token
    inputs = {"source": source, "source_lengths": source_lengths, "tokens": tokens}
    return inputs, {"labels": labels, "label_lengths": label_lengths}


def _phones(
    rows: Sequence[Sequence[int]], *, fixed_shapes: bool
) -> dict[str, np.ndarray]:
    if not any(rows):
        return {}
    lengths = np.array([len(row) for row in rows], dtype="int32")
    width = int(lengths.max())
    if fixed_shapes:
        width = round_up_length(width, bits=3)
    return {"phones": pad_rows(rows, width, "int32"), "phone_lengths": lengths}


def as_dataset(
    make: Callable[[], Iterator[Batch]], *, phones: bool = False
) -> tf.data.Dataset:
    """Wrap a batch iterator into a `tf.data` pipeline with open shapes.

    Args:
        make: Returns a fresh iterator over the batches.
        phones: Whether their targets have phones.
    """
    import tensorflow as tf  # only where TensorFlow is the backend

    def spec(shape: tuple[None, ...], kind: str) -> tf.TensorSpec:
        return tf.TensorSpec(shape, kind)

    inputs = {
        "source": spec((None, None), "float32"),
        "source_lengths": spec((None,), "int32"),
        "tokens": spec((None, None), "int32"),
    }
    targets = {
        "labels": spec((None, None), "int32"),
        "label_lengths": spec((None,), "int32"),
    }
    if phones:
        targets["phones"] = spec((None, None), "int32")
        targets["phone_lengths"] = spec((None,), "int32")
    signature = (inputs, targets)
    dataset = tf.data.Dataset.from_generator(make, output_signature=signature)
    return dataset.prefetch(2)
