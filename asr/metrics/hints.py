"""Hint that texts differ in case, punctuation or spelling, and not in their words."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import jiwer

from asr.text.normalizers import normalizer

_ENGLISH, _ANY = "english-1", "basic-1"
_ASCII = 0.995  # share of ASCII letters in English; other languages have fewer


class Hint(NamedTuple):
    """Normaliser with which the word error rate would be lower.

    Attributes:
        normalizer: Its name.
        wer: Word error rate with it, a fraction.
    """

    normalizer: str
    wer: float

    def __str__(self) -> str:
        """Return the hint as text."""
        return (
            f"normalised with {self.normalizer} the WER would be {100 * self.wer:.1f} %"
        )


def normalization_hint(
    references: Sequence[str], hypotheses: Sequence[str], wer: float, name: str
) -> Hint | None:
    """Return a hint if case and punctuation raise the word error rate.

    Args:
        references: Reference texts, one for each utterance.
        hypotheses: Recognised texts, in the same order.
        wer: Their word error rate, a fraction.
        name: Name of their normaliser.

    Returns:
        The normaliser of English for texts of ASCII letters, or else that of any
        language; None if it has been used, or case and punctuation do not matter.
    """
    if name == _ENGLISH or not wer:
        return None
    if _word_error_rate(references, hypotheses, _ANY) >= wer <= 1:
        return None
    better = _ENGLISH if _are_ascii([*references, *hypotheses]) else _ANY
    rate = _word_error_rate(references, hypotheses, better)
    return Hint(better, rate) if rate < wer else None


def _word_error_rate(
    references: Sequence[str], hypotheses: Sequence[str], name: str
) -> float:
    """Return errors over words of normalised texts; infinite without words."""
    normalize = normalizer(name)
    pairs = zip(map(normalize, references), map(normalize, hypotheses), strict=True)
    errors = words = 0
    for output in (jiwer.process_words(*pair) for pair in pairs):
        wrong = output.substitutions + output.deletions
        errors += wrong + output.insertions
        words += wrong + output.hits
    return errors / words if words else float("inf")


def _are_ascii(texts: Sequence[str]) -> bool:
    letters = ascii_letters = 0
    for text in texts:
        kinds = [c.isascii() for c in text if c.isalpha()]
        letters += len(kinds)
        ascii_letters += sum(kinds)
    return ascii_letters >= _ASCII * letters
