"""Batches of training examples: order of an epoch, parallel loading, padding.

Batches are NumPy arrays, so that any Keras backend can train on them; `as_dataset`
wraps them for TensorFlow. All random draws depend on (seed, epoch) alone. A resumed run
therefore gets the same batches.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from asr.arrays import pad_rows, round_up_length
from asr.audio.augmentation import WaveformAugmentation
from asr.data.manifest import Record
from asr.errors import DataError

if TYPE_CHECKING:
    import tensorflow as tf

    from asr.data.loader import SourceLoader

Batch = tuple[dict[str, np.ndarray], dict[str, np.ndarray]]
_Pair = tuple[np.ndarray | Sequence[int], Sequence[int]]  # a source and its labels
_Loaded = tuple[_Pair, tuple[int, ...]]  # and its phones

# Relative noise on lengths before sorting: it varies the neighbours of an example.
_JITTER = 0.05
# Share of unreadable records that is skipped; above it, training stops.
_MOST_UNREADABLE = 0.05


@dataclass(frozen=True)
class Example:
    """One record with its labels.

    Attributes:
        record: The training record.
        labels: Tokens of the reference, closed by the end symbol.
        length: Length of the source, in seconds or tokens.
        phones: Phones of the reference, for models with a phone head.
    """

    record: Record
    labels: tuple[int, ...]
    length: float
    phones: tuple[int, ...] = ()


def augmented_lengths(
    examples: Sequence[Example],
    distort: WaveformAugmentation | None,
    *,
    seed: int,
    epoch: int,
) -> np.ndarray:
    """Return the length of each example at the speed drawn for it in an epoch, (n,)."""
    lengths = np.array([example.length for example in examples])
    if distort is None:
        return lengths
    randoms = (_random_of(seed, epoch, index) for index in range(len(lengths)))
    return lengths / [distort.speed(random) for random in randoms]


def _random_of(*key: int) -> np.random.Generator:
    """Return the random generator of a seed, an epoch and the index of an example."""
    return np.random.default_rng(key)


def plan_epoch(
    lengths: Sequence[float] | np.ndarray,
    *,
    batch_length: float,
    seed: int,
    epoch: int,
    ascending: bool,
) -> list[np.ndarray]:
    """Group examples of similar length into batches.

    Args:
        lengths: Length of each example, in seconds or tokens.
        batch_length: Largest padded length of a batch, or one longer example.
        seed: Seed of the run.
        epoch: Number of the epoch; each epoch has its own order.
        ascending: Order batches from short to long. Otherwise shuffle batches, and
            examples of about the same length.

    Returns:
        Indices of each batch; every example is in exactly one batch.
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


def batches(
    examples: Sequence[Example],
    plan: Sequence[np.ndarray],
    loader: SourceLoader,
    *,
    start_token: int,
    distort: WaveformAugmentation | None = None,
    seed: int = 0,
    epoch: int = 0,
    fixed_shapes: bool = False,
) -> Iterator[Batch]:
    """Yield padded batches in the order of a plan; load some of them in advance.

    Args:
        examples: All examples of the data set.
        plan: Indices of each batch.
        loader: Loads the sources.
        start_token: First decoder input.
        distort: Augmentation of waveforms.
        seed: Seed of the run.
        epoch: Number of the epoch.
        fixed_shapes: Round padded lengths up, for backends that compile each shape.

    Yields:
        Inputs `source` (B, N) float32, `source_lengths` (B,), `tokens` (B, U) and
        targets `labels` (B, U), `label_lengths` (B,), all int32. With phones also
        targets `phones` (B, W) and `phone_lengths` (B,).

    Raises:
        DataError: More than 5 % of the records cannot be read.
    """
    records = len({example.record for example in examples})

    def load(index: int) -> _Loaded | None:
        example = examples[index]
        source = loader.load(example.record)
        if source is None:
            return None
        if distort:
            source = distort(source, _random_of(seed, epoch, index))
        return (source, example.labels), example.phones

    # Batches are submitted some steps before they are yielded.
    waiting: deque[list[Future[_Loaded | None]]] = deque()
    pool = ThreadPoolExecutor(loader.workers)
    try:
        for number in range(len(plan) + loader.ahead):
            if number < len(plan):
                waiting.append([pool.submit(load, int(i)) for i in plan[number]])
            if number < loader.ahead:
                continue
            loaded = [clip for job in waiting.popleft() if (clip := job.result())]
            _check_unreadable(loader, records)
            if loaded:
                pairs, phones = zip(*loaded, strict=True)
                yield collate(pairs, start_token, phones, fixed_shapes=fixed_shapes)
    finally:
        pool.shutdown(cancel_futures=True)


def _check_unreadable(loader: SourceLoader, total: int) -> None:
    count = len(loader.unreadable)
    if count > max(1.0, _MOST_UNREADABLE * total) or count == total:
        reason = next(iter(loader.unreadable.values()))
        raise DataError(
            f"{count} of {total} clips cannot be read, the first: {reason}; "
            "check the data directory, or run `asr prepare` again"
        )


def collate(
    pairs: Sequence[_Pair],
    start_token: int,
    phones: Sequence[Sequence[int]] = (),
    *,
    fixed_shapes: bool = False,
) -> Batch:
    """Pad the sources and labels of a batch with zeros; see `batches`.

    Args:
        pairs: For each example, source (N,) and labels closed by the end symbol.
        start_token: First decoder input.
        phones: Phones of each example, if the model has a phone head.
        fixed_shapes: Round padded lengths up to a coarse grid.
    """

    def pad(rows: Sequence[Any], kind: str) -> tuple[np.ndarray, np.ndarray]:
        lengths = np.array([len(row) for row in rows], dtype="int32")
        width = int(lengths.max())
        width = round_up_length(width, bits=3) if fixed_shapes else width
        return pad_rows(rows, width, kind), lengths

    source, source_lengths = pad([source for source, _ in pairs], "float32")
    labels, label_lengths = pad([labels for _, labels in pairs], "int32")
    tokens = np.roll(labels, 1, axis=1)
    tokens[:, 0] = start_token
    inputs = {"source": source, "source_lengths": source_lengths, "tokens": tokens}
    targets = {"labels": labels, "label_lengths": label_lengths}
    if any(phones):
        targets["phones"], targets["phone_lengths"] = pad(phones, "int32")
    return inputs, targets


def as_dataset(
    make: Callable[[], Iterator[Batch]], *, phones: bool = False
) -> tf.data.Dataset:
    """Wrap a batch iterator into a `tf.data` pipeline with open shapes.

    Args:
        make: Returns a fresh iterator over the batches.
        phones: True if the targets contain phones.
    """
    import tensorflow as tf  # only where TensorFlow is the backend

    source = tf.TensorSpec((None, None), "float32")
    matrix = tf.TensorSpec((None, None), "int32")
    vector = tf.TensorSpec((None,), "int32")
    inputs = {"source": source, "source_lengths": vector, "tokens": matrix}
    targets = {"labels": matrix, "label_lengths": vector}
    if phones:
        targets |= {"phones": matrix, "phone_lengths": vector}
    dataset = tf.data.Dataset.from_generator(make, output_signature=(inputs, targets))
    return dataset.prefetch(2)
