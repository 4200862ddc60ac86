"""Texts that nothing may learn, since they will be tested on."""

from __future__ import annotations

from collections.abc import Iterable

_RUN = 8  # so many words in a row are no coincidence


class Withheld:
    """Tells which texts are among those that are withheld, or quote them.

    Args:
        texts: Those that are withheld, normalised.
    """

    def __init__(self, texts: Iterable[str]) -> None:
        self._texts = set(texts)
        self._runs = {run for text in self._texts for run in _runs(text)}

    def __contains__(self, text: str) -> bool:
        """Return whether a normalised text is one, or has eight words of one."""
        return text in self._texts or any(run in self._runs for run in _runs(text))


def _runs(text: str) -> Iterable[tuple[str, ...]]:
    words = text.split()
    return zip(*(words[first:] for first in range(_RUN)), strict=False)
