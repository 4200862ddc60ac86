"""Words written in other pieces than usual, drawn anew each time they are read."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np


class PieceSplitter:
    """Writes some pieces of words as two shorter ones.

    A model that has seen a word in several spellings knows better what its pieces mean,
    and so what to make of words that it has never seen.

    Args:
        pieces: What each token stands for.
        share: Of pieces that are split; of their halves, the same share is again.

    Reference:
        T. Kudo, Subword regularization, ACL 2018; I. Provilkov et al., BPE-dropout,
        ACL 2020. The drawing is simpler here, and follows from NumPy's generator alone.
    """

    def __init__(self, pieces: Sequence[str], share: float) -> None:
        self.share = share
        known = {piece: token for token, piece in enumerate(pieces)}
        self._ways = [
            [
                (known[piece[:place]], known[piece[place:]])
                for place in range(1, len(piece))
                if piece[:place] in known and piece[place:] in known
            ]
            for piece in pieces
        ]

    def __call__(self, tokens: Iterable[int], random: np.random.Generator) -> list[int]:
        """Return tokens of the same text."""
        left = [int(token) for token in tokens][::-1]
        written = []
        while left:
            ways = self._ways[left[-1]]
            if ways and random.random() < self.share:
                left[-1:] = ways[random.integers(len(ways))][::-1]
            else:
                written.append(left.pop())
        return written
