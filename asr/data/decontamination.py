"""Texts that nothing may learn, since they will be tested on."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Sequence
from typing import TypeVar

from asr.errors import DataError

log = logging.getLogger(__name__)

_RUN = 8  # so many words in a row are no coincidence
_T = TypeVar("_T")


class OverlapFilter:
    """Tells which texts are among those that are withheld, or quote them.

    Args:
        texts: Those that are withheld, normalised.
    """

    def __init__(self, texts: Iterable[str]) -> None:
        self._texts = set(texts)
        self._runs = {run for text in self._texts for run in _runs(text)}

    def __contains__(self, text: str) -> bool:
        """Return whether a normalised text is one, or has eight words of one."""
        return text in self._texts or not self._runs.isdisjoint(_runs(text))

    def without(
        self, records: Sequence[_T], texts: Callable[[_T], Iterable[str]]
    ) -> list[_T]:
        """Return the records that may be learned from; tell how many may not.

        Args:
            records: Training data.
            texts: Returns the normalised texts of a record.

        Raises:
            DataError: Nothing is left.
        """
        kept = [it for it in records if not any(text in self for text in texts(it))]
        if len(kept) < len(records):
            count = len(records) - len(kept)
            log.warning("left out %d of the training data: data.withhold", count)
            if not kept:
                raise DataError("data.withhold leaves nothing to learn from")
        return kept


def _runs(text: str) -> Iterable[tuple[str, ...]]:
    words = text.split()
    return zip(*(words[first:] for first in range(_RUN)), strict=False)
