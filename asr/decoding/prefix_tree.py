"""Prefix trees of a vocabulary: of letters and of phones."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from asr.arrays import pad_rows

ROOT = 0  # node before a word
_DEAD = 1  # node of letters that begin no word


class Lexicon(NamedTuple):
    """A tree of letters.

    Attributes:
        children: Node after each letter, (N, V) int32.
        words: Word that ends at each node, (N,) int32; 0 before a word.
    """

    children: np.ndarray
    words: np.ndarray


def lexicon(
    spellings: Sequence[Sequence[int]],
    words: Sequence[int],
    vocabulary: int,
    *,
    space: int,
    unknown: int,
) -> Lexicon:
    """Return the tree of the letters of words.

    Args:
        spellings: Tokens of each word, not empty and all different.
        words: Number of each word.
        vocabulary: Number of tokens, V.
        space: Token that leads back to the root.
        unknown: Number for letters that are no word.
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


class PhoneTree(NamedTuple):
    """Words as a tree of their phones; the children of a node follow each other.

    Attributes:
        phones: Phone that leads to each node, (N,); 0 to the root.
        first: First child of each node, (N,).
        children: Number of children of each node, (N,).
        words: Words in the order of the nodes where they end, (W,).
        begin: Index in `words` of the first word of each node, (N + 1,).
        lookahead: Best score of the words behind each node, (N,).
    """

    phones: np.ndarray
    first: np.ndarray
    children: np.ndarray
    words: np.ndarray
    begin: np.ndarray
    lookahead: np.ndarray


def phone_tree(
    pronunciations: Sequence[Sequence[int]], words: Sequence[int], scores: np.ndarray
) -> PhoneTree:
    """Return the tree of the phones of words.

    Args:
        pronunciations: Phones of each pronunciation, from 1 on, not empty.
        words: Word of each pronunciation.
        scores: Expected score of each word, by its number.
    """
    order = sorted(range(len(words)), key=lambda index: tuple(pronunciations[index]))
    rows = [pronunciations[index] for index in order]
    columns = pad_rows(rows, max(map(len, rows), default=0), "int64").T
    node = np.zeros(len(order), np.int64)
    phones, parents, levels = [np.zeros(1, np.int64)], [np.zeros(0, np.int64)], []
    count = 1
    for column in columns:
        # Sorted, words that share their first phones stand together.
        inside = column > 0
        pairs = np.stack([node[inside], column[inside]])
        new = np.ones(pairs.shape[1], bool)
        new[1:] = np.any(pairs[:, 1:] != pairs[:, :-1], axis=0)
        node[inside] = count - 1 + np.cumsum(new)
        parents.append(pairs[0, new])
        phones.append(pairs[1, new])
        levels.append(slice(count - 1, count - 1 + int(new.sum())))
        count += int(new.sum())
    above = np.concatenate(parents)  # of all nodes but the root, in order
    first = np.searchsorted(above, np.arange(count), "left") + 1
    last = np.searchsorted(above, np.arange(count), "right") + 1
    by_end = np.argsort(node, kind="stable")
    listed = np.array(words, np.int64)[order]
    lookahead = np.full(count, -np.inf)
    np.maximum.at(lookahead, node, scores[listed])
    # From the leaves up: a node is as good as the best word behind it.
    for level in reversed(levels):
        below = np.arange(level.start + 1, level.stop + 1)
        np.maximum.at(lookahead, above[level], lookahead[below])
    lookahead[ROOT] = 0.0
    return PhoneTree(
        phones=np.concatenate(phones),
        first=first,
        children=last - first,
        words=listed[by_end],
        begin=np.searchsorted(node[by_end], np.arange(count + 1)),
        lookahead=lookahead,
    )
