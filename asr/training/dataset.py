"""What a run learns from: manifests and tokenizer in its folder, clips it can use."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from asr.config.schema import Recipe
from asr.data.batching import Example
from asr.decoding.ctc_alignment import frames_needed
from asr.errors import DataError
from asr.files import data_directory
from asr.model.encoder import state_lengths
from asr.tasks.base import Task
from asr.text.normalizers import normalizer
from asr.text.pronunciation import Lexicon, inventory, phones_of, read_lexicon

log = logging.getLogger(__name__)


def spread(records: Sequence[Any], count: int) -> list[Any]:
    """Return so many records, from all over a part that may be sorted by speaker."""
    count = min(count, len(records))
    return [records[i * len(records) // count] for i in range(count)]


def usable(
    records: Iterable[Any], recipe: Recipe, task: Task, lexicon: Lexicon
) -> list[Example]:
    """Encode the texts of records, and leave out what cannot be learned from.

    Left out, and counted in a warning, are sources that are too long, records without
    text after normalisation, clips with more characters or phones than CTC frames even
    where nothing else is wrong with them, and those with a word that the lexicon lacks.

    Args:
        records: Training data of the task.
        recipe: Bounds, frame rate and playback speeds.
        task: Encodes texts.
        lexicon: That of the run, for models with a head of phones.

    Raises:
        DataError: Nothing is left.
    """
    examples = []
    reasons: Counter[str] = Counter()
    encode_phones = _phone_encoder(recipe, lexicon)
    for record in records:
        labels = task.encode_target(record.text or "")
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
        told = "; ".join(f"{count} {reason}" for reason, count in reasons.items())
        raise DataError(f"nothing can be trained on: {told or 'the data are empty'}")
    return examples


def lexicon_of(recipe: Recipe) -> Lexicon:
    """Read the lexicon that a recipe names, or nothing where it names none.

    Raises:
        DataError: The lexicon cannot be read, or has phones that the recipe lacks.
    """
    path = recipe.data.lexicon
    if not path:
        return {}
    lexicon = read_lexicon(data_directory() / path, normalizer(recipe.data.normalizer))
    if unknown := sorted(inventory(lexicon) - set(recipe.model.phones)):
        raise DataError(f"{path}: {unknown[0]!r} is not among model.phones")
    return lexicon


def _phone_encoder(
    recipe: Recipe, lexicon: Lexicon
) -> Callable[[str], list[int] | None]:
    """Return what turns a text into its phones, if that has to be done.

    A text with a word that the lexicon lacks becomes None.
    """
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
    """Return why a record is left out, or nothing."""
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
