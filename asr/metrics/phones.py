"""Error rates of pronunciations."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from rapidfuzz.distance import Levenshtein

from asr.errors import UsageError
from asr.metrics.alignment import check_lengths


@dataclass(frozen=True)
class PhoneScore:
    """Errors of pronunciations.

    Attributes:
        per: Phone error rate: substituted, deleted and inserted phones, for each phone
            of the nearest reference.
        wer: Share of words whose pronunciation is none of the references.
        phones: Phones of the nearest references.
        words: Number of words.
    """

    per: float
    wer: float
    phones: int
    words: int

    def to_json(self) -> dict[str, Any]:
        """Return all scores as JSON data."""
        return asdict(self)

    def summary(self) -> str:
        """Return the scores on one line."""
        return f"PER {self.per:.2%}, WER {self.wer:.2%} ({self.words} words)"


def score_phones(
    references: Sequence[Sequence[str]], hypotheses: Sequence[str]
) -> PhoneScore:
    """Score pronunciations; phones are separated by spaces.

    Args:
        references: All right pronunciations of each word, at least one.
        hypotheses: A pronunciation of each word.

    Raises:
        UsageError: There are no words, a word has no reference, or the numbers differ.
    """
    check_lengths(references, hypotheses)
    if not hypotheses or not all(references):
        raise UsageError("each of one or more words must have a reference")
    wrong = errors = phones = 0
    for row, hypothesis in zip(references, hypotheses, strict=True):
        heard, right = hypothesis.split(), [reference.split() for reference in row]
        distance, size = min(
            (Levenshtein.distance(known, heard), len(known)) for known in right
        )
        errors, phones, wrong = errors + distance, phones + size, wrong + (distance > 0)
    if not phones:
        raise UsageError("the references have no phones")
    return PhoneScore(errors / phones, wrong / len(hypotheses), phones, len(hypotheses))
