"""Batches of training examples: order of an epoch, parallel loading, padding.

Batches are NumPy arrays, so that any Keras backend can train on them. All random draws
depend on (seed, epoch) alone. A resumed run therefore gets the same batches.
"""

from __future__ import annotations

import contextlib
from collections import deque
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from asr.arrays import pad_rows, round_up_length
from asr.audio.augmentation import WaveformAugmentation
from asr.data.manifest import Record
from asr.data.workers import ALONE, Workers
from asr.errors import DataError

if TYPE_CHECKING:
    from asr.data.loader import SourceLoader

Arrays = dict[str, np.ndarray]
_Pair = tuple[np.ndarray | Sequence[int], Sequence[int]]  # a source and its labels
_Loaded = tuple[_Pair, tuple[int, ...]]  # and its phones

# Relative noise on lengths before sorting: it varies the neighbours of an example.
_JITTER = 0.05
# Share of unreadable records that is skipped; above it, training stops.
_MOST_UNREADABLE = 0.05


class Batch(NamedTuple):
    """Rows of a padded batch that a worker trains on.

    Attributes:
        inputs: Arrays by name; see `collate`.
        targets: Arrays by name.
        number: Position of the batch in its plan, from 1.
        first: Position of the first row in the whole batch.
        total: Rows of the whole batch.
    """

    inputs: Arrays
    targets: Arrays
    number: int
    first: int
    total: int


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
    workers: Workers = ALONE,
) -> Iterator[Batch]:
    """Yield padded batches in the order of a plan; load some of them in advance.

    Each worker gets its rows of each batch, padded as the whole batch. A batch without
    a readable source is left out.

    Args:
        examples: All examples of the data set.
        plan: Indices of each batch.
        loader: Loads the sources.
        start_token: First decoder input.
        distort: Augmentation of waveforms.
        seed: Seed of the run.
        epoch: Number of the epoch.
        workers: Those that share each batch.

    Raises:
        DataError: More than 5 % of the records cannot be read.
    """

    def load(index: int) -> _Loaded | None:
        example = examples[index]
        source = loader.load(example.record)
        if source is None:
            return None
        if distort:
            source = distort(source, _random_of(seed, epoch, index))
        return (source, example.labels), example.phones

    records = len({example.record for example in examples})
    own = [np.array_split(batch, workers.count)[workers.rank] for batch in plan]
    with contextlib.closing(_loaded(load, own, loader)) as parts:
        for number, part in enumerate(parts, start=1):
            readable = [clip for clip in part if clip]
            facts = [len(readable), len(part) - len(readable), *_widths(readable)]
            counts, missing, *widths = workers.all_gather(np.array(facts, "int32")).T
            if missing.any():
                _tell_unreadable(examples, own[number - 1], loader, workers)
            _check_unreadable(loader, records)
            if not counts.any():
                continue
            width = [int(column.max()) for column in widths]
            if workers.fixed_shapes:
                width = [round_up_length(size, bits=3) for size in width]
            pairs, phones = zip(*readable, strict=True) if readable else ((), ())
            inputs, targets = collate(
                pairs,
                start_token,
                phones,
                width=width,
                rows=max(workers.least_rows, workers.equal_rows * int(counts.max())),
            )
            first = int(counts[: workers.rank].sum())
            yield Batch(inputs, targets, number, first, int(counts.sum()))


def _loaded(
    load: Callable[[int], _Loaded | None],
    plan: Sequence[np.ndarray],
    loader: SourceLoader,
) -> Generator[list[_Loaded | None], None, None]:
    """Yield the examples of each batch; None is one that cannot be read."""
    # Batches are submitted some steps before they are yielded.
    waiting: deque[list[Future[_Loaded | None]]] = deque()
    pool = ThreadPoolExecutor(loader.workers)
    try:
        for number in range(len(plan) + loader.ahead):
            if number < len(plan):
                waiting.append([pool.submit(load, int(i)) for i in plan[number]])
            if number >= loader.ahead:
                yield [job.result() for job in waiting.popleft()]
    finally:
        pool.shutdown(cancel_futures=True)


def _tell_unreadable(
    examples: Sequence[Example],
    batch: np.ndarray,
    loader: SourceLoader,
    workers: Workers,
) -> None:
    """Note the records of a batch that other workers cannot read."""
    reasons = [(int(i), loader.unreadable.get(examples[i].record)) for i in batch]
    for told in workers.gather([pair for pair in reasons if pair[1]]):
        for index, reason in told:
            loader.unreadable.setdefault(examples[index].record, reason)


def _check_unreadable(loader: SourceLoader, total: int) -> None:
    count = len(loader.unreadable)
    if count > max(1.0, _MOST_UNREADABLE * total) or count == total:
        reason = next(iter(loader.unreadable.values()))
        raise DataError(
            f"{count} of {total} clips cannot be read, the first: {reason}; "
            "check the data directory, or run `asr prepare` again"
        )


def _widths(loaded: Sequence[_Loaded]) -> list[int]:
    """Return the longest source, labels and phones of some examples."""
    rows = [
        (len(source), len(labels), len(phones)) for (source, labels), phones in loaded
    ]
    return [max(column) for column in zip(*rows, strict=True)] if rows else [0, 0, 0]


def collate(
    pairs: Sequence[_Pair],
    start_token: int,
    phones: Sequence[Sequence[int]] = (),
    *,
    width: Sequence[int] = (0, 0, 0),
    rows: int = 0,
) -> tuple[Arrays, Arrays]:
    """Pad the sources and labels of a batch with zeros.

    Args:
        pairs: For each example, source (N,) and labels closed by the end symbol.
        start_token: First decoder input.
        phones: Phones of each example, if the model has a phone head.
        width: Least padded lengths of sources, labels and phones.
        rows: Least number of rows; rows without an example have no lengths.

    Returns:
        Inputs `source` (B, N) float32, `source_lengths` (B,), `tokens` (B, U) and
        targets `labels` (B, U), `label_lengths` (B,), all int32. With phones also
        targets `phones` (B, W) and `phone_lengths` (B,).
    """

    def pad(
        sequences: Sequence[Any], least: int, kind: str, filling: int = 0
    ) -> tuple[np.ndarray, np.ndarray]:
        empty = rows - len(sequences)
        lengths = [len(sequence) for sequence in sequences]
        lengths += [filling] * empty
        padded = pad_rows([*sequences, *[()] * empty], max([least, *lengths]), kind)
        return padded, np.array(lengths, "int32")

    source, source_lengths = pad([source for source, _ in pairs], width[0], "float32")
    labels, label_lengths = pad([labels for _, labels in pairs], width[1], "int32")
    tokens = np.roll(labels, 1, axis=1)
    tokens[:, :1] = start_token
    inputs = {"source": source, "source_lengths": source_lengths, "tokens": tokens}
    targets = {"labels": labels, "label_lengths": label_lengths}
    if any(phones) or width[2]:
        targets["phones"], targets["phone_lengths"] = pad(
            phones, width[2], "int32", filling=-1
        )
    return inputs, targets
