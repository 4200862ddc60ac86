"""Prefix trees of a vocabulary: of letters and of phones."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise
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

    Nodes are numbered by their depth, those of one depth by their parents.

    Attributes:
        phones: Phone that leads to each node, (N,) uint8; 0 to the root.
        first: First child of each node, (N,).
        children: Number of children of each node, (N,).
        words: Words in the order of the nodes where they end, (W,).
        begin: Index in `words` of the first word of each node, (N + 1,).
    """

    phones: np.ndarray
    first: np.ndarray
    children: np.ndarray
    words: np.ndarray
    begin: np.ndarray

    def arrays(self) -> dict[str, np.ndarray]:
        """Return named arrays to store; the others follow from them."""
        return {
            "phones": self.phones,
            "children": self.children.astype(np.uint8),
            "ends": np.diff(self.begin).astype(np.uint16),
            "words": self.words.astype(np.uint32),
        }

    @classmethod
    def from_arrays(
        cls,
        phones: np.ndarray,
        children: np.ndarray,
        ends: np.ndarray,
        words: np.ndarray,
    ) -> PhoneTree:
        """Return the tree of stored arrays.

        Raises:
            ValueError: The arrays are not those of a tree.
        """
        children, count = children.astype(np.int32), len(phones)
        first = 1 + np.cumsum(children, dtype=np.int32) - children
        begin = np.concatenate([[0], np.cumsum(ends)], dtype=np.int32)
        fits = (
            all(x.ndim == 1 and x.dtype.kind == "u" for x in (phones, ends, words))
            and len(children) == len(ends) == count
            and children.sum() == count - 1
            and bool(
                np.all(first[1:] > np.arange(1, count))
            )  # no node is its own child
            and begin[-1] == len(words)
        )
        if not fits:
            raise ValueError("not a tree of phones")
        return cls(phones, first, children, words.astype(np.int32), begin)

    def lookahead(self, scores: np.ndarray) -> np.ndarray:
        """Return the best score of the words behind each node, (N,); 0 at the root.

        Args:
            scores: Expected score of each word, by its number.
        """
        best = np.full(len(self.phones), -np.inf, np.float32)
        ends = np.flatnonzero(self.begin[1:] > self.begin[:-1])
        best[ends] = np.maximum.reduceat(scores[self.words], self.begin[ends])
        depths, below = [], slice(0, 1)
        while below.stop > below.start:
            depths.append(below)
            last = below.stop - 1
            below = slice(below.stop, int(self.first[last] + self.children[last]))
        # From the leaves up: a node is as good as the best word behind it.
        for level, below in reversed([*pairwise(depths)]):
            inner = level.start + np.flatnonzero(self.children[level])
            starts = self.first[inner] - below.start
            behind = np.maximum.reduceat(best[below], starts)
            best[inner] = np.maximum(best[inner], behind)
        best[ROOT] = 0.0
        return best

    def spoken(self, word: int) -> list[tuple[int, ...]]:
        """Return the phones of each pronunciation of a word."""
        found = []
        for place in np.flatnonzero(self.words == word):
            node = int(np.searchsorted(self.begin, place, side="right")) - 1
            phones: tuple[int, ...] = ()
            while node != ROOT:
                phones = (int(self.phones[node]), *phones)
                node = int(np.searchsorted(self.first, node, side="right")) - 1
            found.append(phones)
        return found

    def pronunciations(self) -> Iterator[tuple[tuple[int, ...], int]]:
        """Yield the phones and the number of each word."""
        spoken: list[tuple[int, ...]] = [()] * len(self.phones)
        for node, (first, count) in enumerate(
            zip(self.first.tolist(), self.children.tolist(), strict=True)
        ):
            for child in range(first, first + count):
                spoken[child] = (*spoken[node], int(self.phones[child]))
            for word in self.words[self.begin[node] : self.begin[node + 1]]:
                yield spoken[node], int(word)


def phone_tree(
    pronunciations: Sequence[Sequence[int]], words: Sequence[int]
) -> PhoneTree:
    """Return the tree of the phones of words.

    Args:
        pronunciations: Phones of each pronunciation, from 1 on, not empty.
        words: Word of each pronunciation.
    """
    order = sorted(range(len(words)), key=lambda index: tuple(pronunciations[index]))
    rows = [pronunciations[index] for index in order]
    columns = pad_rows(rows, max(map(len, rows), default=0), "int64").T
    node = np.zeros(len(order), np.int64)
    phones, parents = [np.zeros(1, np.int64)], [np.zeros(0, np.int64)]
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
        count += int(new.sum())
    above = np.concatenate(parents)  # of all nodes but the root, in order
    children = np.bincount(above, minlength=count)
    by_end = np.argsort(node, kind="stable")
    return PhoneTree(
        phones=np.concatenate(phones).astype(np.uint8),
        first=1 + np.cumsum(children) - children,
        children=children,
        words=np.array(words, np.int64)[order][by_end],
        begin=np.searchsorted(node[by_end], np.arange(count + 1)),
    )


class SearchTree(NamedTuple):
    """A tree of phones as a lexicon search walks it; nodes have any order.

    Attributes:
        tree: The words; `PhoneTree.lookahead` and others need nodes in their order.
        lookahead: Best score of the words behind each node of the tree, (N,).
        start: Node before the first word.
    """

    tree: PhoneTree
    lookahead: np.ndarray
    start: int = ROOT

    def joined(self, other: PhoneTree, lookahead: np.ndarray) -> SearchTree:
        """Return a tree with the words of another one too.

        Nodes of this tree keep their numbers. The children of a node must follow each
        other: those of the root are copied, and the nodes of the other tree stand after
        the copies. Nothing is sorted again.
        """
        own, size = self.tree, len(self.tree.phones)
        begin = int(own.first[ROOT])
        top = slice(begin, begin + int(own.children[ROOT]))
        copies = top.stop - top.start
        tree = _concatenated(own, _part(own, top), _part(other, slice(1, None)))
        tree.first[size + copies :] += size + copies - 1
        tree.first[ROOT] = size
        tree.children[ROOT] = copies + other.children[ROOT]
        scores = (self.lookahead, self.lookahead[top], lookahead[1:])
        return self._replace(tree=tree, lookahead=np.concatenate(scores))

    def begun(self, other: PhoneTree) -> SearchTree:
        """Return a tree whose first word is one of another tree."""
        size = len(self.tree.phones)
        tree = _concatenated(self.tree, other)
        tree.first[size:] += size
        lookahead = np.zeros(len(other.phones), self.lookahead.dtype)
        return SearchTree(tree, np.concatenate([self.lookahead, lookahead]), start=size)


def _part(tree: PhoneTree, nodes: slice) -> PhoneTree:
    """Return some nodes with their words; `first` keeps the numbers of the tree."""
    begin = tree.begin[slice(nodes.start, nodes.stop and nodes.stop + 1)]
    words = tree.words[begin[0] : begin[-1]]
    phones, first, children = (
        tree.phones[nodes],
        tree.first[nodes],
        tree.children[nodes],
    )
    return PhoneTree(phones, first, children, words, begin - begin[0])


def _concatenated(*trees: PhoneTree) -> PhoneTree:
    """Return the nodes of trees one after the other, in new arrays."""
    phones, first, children, words = (
        np.concatenate([getattr(tree, name) for tree in trees])
        for name in ("phones", "first", "children", "words")
    )
    ends = np.concatenate([np.diff(tree.begin) for tree in trees])
    begin = np.concatenate([[0], np.cumsum(ends)])
    return PhoneTree(phones, first, children, words, begin)
