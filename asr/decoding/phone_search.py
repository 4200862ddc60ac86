"""Words by how they sound: CTC over phones, a lexicon and n-grams of words.

A prefix search that goes through a recording frame by frame. What it keeps at a frame
are places in a tree of all words' phones, each with the words before it, and the
probability that the phones up to there were said until now. Of texts that end alike
only the best goes on from a place: what may follow is the same for all of them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

ROOT = 0  # place before a word
_NEVER = -1e9


class PhoneTree(NamedTuple):
    """Words as a tree of their phones; the children of a node follow each other.

    Attributes:
        phones: Phone that leads to each node, (N,); 0 to the root.
        first: First child of each node, (N,).
        children: Number of them, (N,).
        words: Words, by the node where they end, (W,).
        begin: Place in `words` of the first of each node, (N + 1,).
        ahead: Best log unigram probability of the words behind each node, (N,).
    """

    phones: np.ndarray
    first: np.ndarray
    children: np.ndarray
    words: np.ndarray
    begin: np.ndarray
    ahead: np.ndarray


def phone_tree(
    ways: Sequence[Sequence[int]], words: Sequence[int], unigrams: np.ndarray
) -> PhoneTree:
    """Put words into a tree.

    Args:
        ways: Phones of each, from 1 on, none of them empty.
        words: The word that each is a way to say.
        unigrams: Log probability of each word.
    """
    order = sorted(range(len(ways)), key=lambda index: tuple(ways[index]))
    sizes = np.array([len(ways[index]) for index in order])
    letters = np.zeros((len(order), int(sizes.max(initial=0))), np.int64)
    for row, index in enumerate(order):
        letters[row, : sizes[row]] = ways[index]
    node = np.zeros(len(order), np.int64)
    phones, parents, levels = [np.zeros(1, np.int64)], [np.zeros(0, np.int64)], []
    count = 1
    for column in letters.T:
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
    ended = np.argsort(node, kind="stable")
    listed = np.array(words, np.int64)[order]
    ahead = np.full(count, -np.inf)
    np.maximum.at(ahead, node, unigrams[listed])
    for level in reversed(levels):
        below = np.arange(level.start + 1, level.stop + 1)
        np.maximum.at(ahead, above[level], ahead[below])
    ahead[ROOT] = 0.0
    return PhoneTree(
        phones=np.concatenate(phones),
        first=first,
        children=last - first,
        words=listed[ended],
        begin=np.searchsorted(node[ended], np.arange(count + 1)),
        ahead=ahead,
    )


class Said(NamedTuple):
    """What may have been said.

    Attributes:
        words: In their order.
        sound: Log probability of their phones.
        text: Log probability of their text, its end included.
    """

    words: tuple[str, ...]
    sound: float
    text: float


class PhoneSearch:
    """Finds what may have been said.

    Args:
        tree: The lexicon.
        predict: Log probability of words (N,) after two others, (N,) each.
        names: What each word is called.
        first: Word before a text.
        end: Word after one.
        weight: Of what `predict` says, beside log probabilities of phones.
        beam: Places kept at a frame.
        width: Those are dropped whose score is by so much below the best.
    """

    def __init__(
        self,
        tree: PhoneTree,
        predict: Callable[[np.ndarray, np.ndarray, np.ndarray], np.ndarray],
        names: Sequence[str],
        *,
        first: int,
        end: int,
        weight: float,
        beam: int,
        width: float = 16.0,
    ) -> None:
        self.tree, self.predict, self.names = tree, predict, names
        self.first, self.end, self.weight = first, end, weight
        self.beam, self.width = beam, width

    def __call__(self, log_probs: np.ndarray, count: int) -> list[Said]:
        """Return the best of what may have been said, best first.

        Args:
            log_probs: Of each phone at each frame, (R, P); 0 is the blank.
            count: How many to return at most.
        """
        kept = _Kept.beginning()
        texts = _Texts(self)
        for frame in log_probs.astype(np.float64):
            kept = self._advance(kept, texts, frame)
        return self._ended(kept, texts, count)

    def _advance(self, kept: _Kept, texts: _Texts, frame: np.ndarray) -> _Kept:
        tree = self.tree
        total = np.logaddexp(kept.blank, kept.sound)
        own = tree.phones[kept.node]
        blank = total + frame[0]
        sound = np.where(own > 0, kept.sound + frame[own], _NEVER)
        score = texts.score[kept.text]
        staying = np.maximum(blank, sound) + score + self.weight * tree.ahead[kept.node]
        least = staying.max() - self.width

        def grown(
            rows: np.ndarray, base: np.ndarray, parents: np.ndarray
        ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
            """Go on from rows to the children of nodes, where that is worth it."""
            again, child = _ranges(tree.first[parents], tree.children[parents])
            phone = tree.phones[child]
            row = rows[again]
            # The same phone again takes a blank between.
            before = np.where(phone == own[row], kept.blank[row], total[row])
            sounds = before + frame[phone]
            good = sounds + base[again] + self.weight * tree.ahead[child] > least
            return again[good], child[good], sounds[good]

        everyone = np.arange(len(total))
        rows, child, sounds = grown(everyone, score, kept.node)
        # Words end where the next one may begin.
        likely = total + frame[1:].max() + score + self.weight * tree.ahead[kept.node]
        ending = everyone[(likely > least) & (np.diff(tree.begin)[kept.node] > 0)]
        found = texts.longer(kept.text[ending], kept.node[ending])
        rows2, child2, sounds2 = grown(
            ending[found.rows],
            texts.score[found.texts],
            np.zeros(len(found.rows), np.int64),
        )
        text = np.concatenate([kept.text, kept.text[rows], found.texts[rows2]])
        node = np.concatenate([kept.node, child, child2])
        keys, places = np.unique(text * len(tree.phones) + node, return_inverse=True)
        new_blank = np.full(len(keys), _NEVER)
        new_blank[places[: len(total)]] = blank
        new_sound = np.full(len(keys), _NEVER)
        np.logaddexp.at(new_sound, places, np.concatenate([sound, sounds, sounds2]))
        text, node = keys // len(tree.phones), keys % len(tree.phones)
        rank = np.logaddexp(new_blank, new_sound) + texts.score[text]
        rank += self.weight * tree.ahead[node]
        good = np.flatnonzero(rank > rank.max() - self.width)
        good = good[np.argsort(-rank[good], kind="stable")]
        # What follows depends on two words and the place.
        future = texts.before[text[good]] * len(self.names) + texts.word[text[good]]
        _, best = np.unique(future * len(tree.phones) + node[good], return_index=True)
        good = good[np.sort(best)[: self.beam]]
        return _Kept(node[good], text[good], new_blank[good], new_sound[good])

    def _ended(self, kept: _Kept, texts: _Texts, count: int) -> list[Said]:
        """Close the texts of places where a word ends, or none has begun."""
        sound = np.logaddexp(kept.blank, kept.sound)
        found = texts.longer(kept.text, kept.node)
        none = np.flatnonzero(kept.node == ROOT)
        text = np.concatenate([kept.text[none], found.texts])
        sound = sound[np.concatenate([none, found.rows])]
        ids, places = np.unique(text, return_inverse=True)
        sounds = np.full(len(ids), _NEVER)
        np.logaddexp.at(sounds, places, sound)
        end = np.full(len(ids), self.end)
        closing = self.predict(texts.before[ids], texts.word[ids], end)
        scores = sounds + texts.score[ids] + self.weight * closing
        best = np.argsort(-scores, kind="stable")
        best = best[sounds[best] > 0.5 * _NEVER][:count]
        return [
            Said(
                tuple(self.names[word] for word in texts.words(int(ids[at]))),
                float(sounds[at]),
                float(texts.log_prob[ids[at]] + closing[at]),
            )
            for at in best
        ]


class _Kept(NamedTuple):
    """Places that are kept at a frame: nodes, texts before them, log probabilities."""

    node: np.ndarray
    text: np.ndarray
    blank: np.ndarray  # the last frame was a blank
    sound: np.ndarray  # the last frame was the phone of the node

    @classmethod
    def beginning(cls) -> _Kept:
        nothing = np.zeros(1, np.int64)
        return cls(nothing, nothing, np.zeros(1), np.full(1, _NEVER))


class _Longer(NamedTuple):
    rows: np.ndarray  # of what was asked
    texts: np.ndarray


class _Texts:
    """All texts that the search has come upon, by number; 0 is the empty one."""

    def __init__(self, search: PhoneSearch) -> None:
        self.search = search
        self.count = 1
        self.numbers: dict[tuple[int, int], int] = {}
        self.parent = np.zeros(1024, np.int64)
        self.before = np.full(1024, search.first)  # the last word but one
        self.word = np.full(1024, search.first)
        self.log_prob = np.zeros(1024)
        self.score = np.zeros(1024)

    def longer(self, texts: np.ndarray, nodes: np.ndarray) -> _Longer:
        """Put the words that end at nodes behind texts."""
        tree = self.search.tree
        begin = tree.begin[nodes]
        rows, places = _ranges(begin, tree.begin[nodes + 1] - begin)
        words = tree.words[places]
        pairs = list(zip(texts[rows].tolist(), words.tolist(), strict=True))
        new = [pair for pair in dict.fromkeys(pairs) if pair not in self.numbers]
        if new:
            self._add(np.array(new))
            self.numbers.update(
                zip(new, range(self.count - len(new), self.count), strict=True)
            )
        return _Longer(rows, np.array([self.numbers[pair] for pair in pairs], np.int64))

    def _add(self, new: np.ndarray) -> None:
        parents, words = new.T
        here = slice(self.count, self.count + len(new))
        while here.stop > len(self.word):
            for name in ("parent", "before", "word", "log_prob", "score"):
                array = getattr(self, name)
                setattr(self, name, np.concatenate([array, np.zeros_like(array)]))
        search = self.search
        before = self.word[parents]
        log_probs = search.predict(self.before[parents], before, words)
        self.parent[here], self.before[here], self.word[here] = parents, before, words
        self.log_prob[here] = self.log_prob[parents] + log_probs
        self.score[here] = self.score[parents] + search.weight * log_probs
        self.count = here.stop

    def words(self, text: int) -> tuple[int, ...]:
        """Return the words of a text."""
        found: list[int] = []
        while text:
            found.append(int(self.word[text]))
            text = int(self.parent[text])
        return tuple(reversed(found))


def _ranges(first: np.ndarray, counts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return all numbers of ranges, and before them which range each is from."""
    rows = np.repeat(np.arange(len(first)), counts)
    before = np.cumsum(counts) - counts
    return rows, np.arange(len(rows)) - before[rows] + first[rows]
