"""Examples of a run, and the batches of its epochs."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from asr.audio.augmentation import WaveformAugmentation
from asr.config.schema import Recipe
from asr.data import batching
from asr.data.batching import Example
from asr.data.loader import SourceLoader
from asr.data.workers import Workers
from asr.decoding.ctc_alignment import frames_needed
from asr.errors import DataError
from asr.model.encoder import state_lengths
from asr.tasks.base import Task
from asr.text.normalizers import normalizer
from asr.text.pronunciation import Lexicon, phones_of

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class TrainingData:
    """Examples of a run, and the batches of its epochs.

    Attributes:
        recipe: Seed, batch length and order.
        examples: Encoded records; batches are lists of indices into them.
        loader: Reads sources.
        start_token: First token that the decoder gets.
        distort: Augments waveforms; None for texts.
        workers: Those that share each batch.
    """

    recipe: Recipe
    examples: Sequence[Example]
    loader: SourceLoader
    start_token: int
    distort: WaveformAugmentation | None
    workers: Workers

    @property
    def lengths(self) -> list[float]:
        """Lengths of all sources, in seconds or tokens."""
        return [example.length for example in self.examples]

    def lengths_in(self, epoch: int) -> np.ndarray:
        """Return the lengths of all sources at their playback speeds in an epoch."""
        return batching.augmented_lengths(
            self.examples, self.distort, seed=self.recipe.seed, epoch=epoch
        )

    def plan(self, epoch: int) -> list[np.ndarray]:
        """Return the examples of each batch of an epoch, from 0."""
        data = self.recipe.data
        return batching.plan_epoch(
            self.lengths_in(epoch),
            batch_length=data.batch_length,
            seed=self.recipe.seed,
            epoch=epoch,
            ascending=epoch < data.ascending_epochs,
        )

    def batches(
        self, plan: Sequence[np.ndarray], epoch: int
    ) -> Iterator[batching.Batch]:
        """Yield this worker's rows of a plan; see `asr.data.batching.batches`."""
        return batching.batches(
            self.examples,
            plan,
            self.loader,
            start_token=self.start_token,
            distort=self.distort,
            seed=self.recipe.seed,
            epoch=epoch,
            workers=self.workers,
        )

    def length(self, batch: np.ndarray) -> float:
        """Return the total length of the sources of a batch."""
        return float(sum(self.examples[i].length for i in batch))


def spread(records: Sequence[Any], count: int) -> list[Any]:
    """Return up to `count` records at equal distances: parts are sorted by speaker."""
    count = min(count, len(records))
    return [records[i * len(records) // count] for i in range(count)]


def usable(
    records: Iterable[Any], recipe: Recipe, task: Task, lexicon: Lexicon
) -> list[Example]:
    """Encode the texts of records, and leave out records that cannot be trained on.

    These are too long, have no text after normalisation, have more characters or
    phones than CTC frames, a character that the tokenizer lacks, or a word that the
    lexicon lacks. A warning counts them.

    Args:
        records: Training data of the task.
        recipe: Bounds, frame rate and playback speeds.
        task: Encodes texts.
        lexicon: That of the run, for models with a phone head.

    Raises:
        DataError: Nothing is left.
    """
    examples = []
    reasons: Counter[str] = Counter()
    encode_phones = _phone_encoder(recipe, lexicon)
    for record in records:
        try:
            labels = task.encode_target(record.text or "")
        except DataError as error:
            reasons["a text that the tokenizer cannot encode"] += 1
            log.warning("left out: %s: %s", record.name, error)
            continue
        length = task.length(record)
        phones = encode_phones(record.text or "")
        reason = _unusable(length, labels, phones, recipe, task.unit)
        if reason:
            reasons[reason] += 1
            log.info("left out: %s: %s", record.name, reason)
        else:
            labels.append(task.end)
            examples.append(Example(record, tuple(labels), length, tuple(phones or ())))
    for reason, count in reasons.items():
        log.warning("left out %d of the training data: %s", count, reason)
    if not examples:
        counts = "; ".join(f"{count} {reason}" for reason, count in reasons.items())
        raise DataError(f"nothing can be trained on: {counts or 'the data are empty'}")
    return examples


def _phone_encoder(
    recipe: Recipe, lexicon: Lexicon
) -> Callable[[str], list[int] | None]:
    """Return a function from a text to phone numbers, or None for unknown words."""
    if not recipe.model.phones:
        return lambda _: []
    normalize = normalizer(recipe.data.normalizer)
    numbers = {phone: i for i, phone in enumerate(recipe.model.phones, start=1)}

    def encode(text: str) -> list[int] | None:
        phones = phones_of(normalize(text), lexicon)
        return None if phones is None else [numbers[phone] for phone in phones]

    return encode


def _unusable(
    length: float,
    labels: Sequence[int],
    phones: Sequence[int] | None,
    recipe: Recipe,
    unit: str,
) -> str:
    """Return why a record is left out, or an empty text."""
    if length > recipe.data.longest:
        return f"longer than {recipe.data.longest:g} {unit} (data.longest)"
    if not labels:
        return "no text after normalisation"
    if phones is None:
        return "a word that data.lexicon lacks"
    if not recipe.model.ctc:
        return ""
    fastest = max(recipe.augment.speeds)
    hop = recipe.model.frontend.hop_ms / 1000
    frames = int(length / fastest / hop) + 1
    states = state_lengths(frames, recipe.model.encoder.reduction)
    if frames_needed(labels) > states:
        return "more characters than CTC frames"
    if frames_needed(phones) > states:
        return "more phones than CTC frames"
    return ""
