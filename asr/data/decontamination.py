"""Decontamination: leaves out training texts that overlap with test texts.

Eight words in a row count as overlap, as in T. Brown et al., Language Models are
Few-Shot Learners, NeurIPS 2020, appendix C (there 13 words).
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Sequence
from typing import TypeVar

from asr.errors import DataError

log = logging.getLogger(__name__)

_OVERLAP = 8  # words
_T = TypeVar("_T")


class OverlapFilter:
    """Finds texts that equal a test text or share eight words in a row with one.

    Args:
        texts: Normalised test texts.
    """

    def __init__(self, texts: Iterable[str]) -> None:
        self._texts = set(texts)
        self._ngrams = {ngram for text in self._texts for ngram in _ngrams(text)}

    def __contains__(self, text: str) -> bool:
        """Return True if a normalised text overlaps with a test text."""
        return text in self._texts or not self._ngrams.isdisjoint(_ngrams(text))

    def without(
        self, records: Sequence[_T], texts: Callable[[_T], Iterable[str]]
    ) -> list[_T]:
        """Return the records without overlap; log the number of the others.

        Args:
            records: Training data.
            texts: Returns the normalised texts of a record.

        Raises:
            DataError: All records overlap.
        """
        kept = [x for x in records if not any(text in self for text in texts(x))]
        if left_out := len(records) - len(kept):
            what = "of the training data: overlap with data.withhold"
            log.warning("left out %d %s", left_out, what)
        if records and not kept:
            raise DataError(
                "data.withhold leaves nothing to train on; add data to data.train"
            )
        return kept


def _ngrams(text: str) -> Iterable[tuple[str, ...]]:
    words = text.split()
    return zip(*(words[first:] for first in range(_OVERLAP)), strict=False)
