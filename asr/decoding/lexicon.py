"""Words as a tree of their letters."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from asr.tensors import Tensor

ROOT = 0  # node before a word
_DEAD = 1  # node of letters with which no word begins


class Lexicon(NamedTuple):
    """A tree of letters, in arrays or tensors.

    Attributes:
        children: Node after each letter, (N, V) int32.
        words: Word that ends at each node, (N,) int32; 0 before a word.
    """

    children: Tensor
    words: Tensor


def lexicon(
    spellings: Sequence[Sequence[int]],
    words: Sequence[int],
    vocabulary: int,
    *,
    space: int,
    unknown: int,
) -> Lexicon:
    """Put words into a tree.

    Args:
        spellings: Tokens of each word, none of them empty, each there once.
        words: What stands for each.
        vocabulary: Number of tokens, V.
        space: Token that leads back to the root.
        unknown: Stands for letters that are no word.
    """
    order = sorted(range(len(spellings)), key=lambda index: tuple(spellings[index]))
    sizes = np.array([len(spellings[index]) for index in order], np.int64)
    letters = np.full((len(order), int(sizes.max(initial=0)) + 1), -1, np.int32)
    for row, index in enumerate(order):
        letters[row, : sizes[row]] = spellings[index]
    # Sorted, a word shares its first nodes with the one before.
    differs = np.ones(letters.shape, bool)
    differs[1:] = np.cumsum(letters[1:] != letters[:-1], axis=1) > 0
    new = differs & (letters >= 0)
    count = int(new.sum())
    nodes = np.zeros(letters.shape, np.int64)
    nodes[new] = _DEAD + 1 + np.arange(count)
    nodes = np.maximum.accumulate(nodes, axis=0)
    parents = np.concatenate([np.full((len(order), 1), ROOT), nodes[:, :-1]], axis=1)
    children = np.full((_DEAD + 1 + count, vocabulary), _DEAD, np.int32)
    children[parents[new], letters[new]] = nodes[new]
    children[:, space] = ROOT
    ends = np.full(len(children), unknown, np.int32)
    ends[ROOT] = 0
    ends[nodes[np.arange(len(order)), sizes - 1]] = np.array(words, np.int32)[order]
    return Lexicon(children, ends)
