"""Words by how they sound: CTC over phones, a lexicon and n-grams of words.

A prefix search that goes through a recording frame by frame. What it keeps at a frame
are nodes in a tree of all words' phones, each with the words before it, and the
probability that the phones up to there were said until now. Of texts that end alike
only the best goes on from a node: what may follow is the same for all of them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from asr.arrays import pad_rows
from asr.decoding.automata import Automaton
from asr.decoding.beam_search import Tokens
from asr.decoding.ctc_prefix import NEVER

if TYPE_CHECKING:
    from asr.decoding.prefix_tree import PhoneTree

ROOT = 0  # node before a word


class Hypothesis(NamedTuple):
    """What may have been said.

    Attributes:
        words: In their order.
        acoustic: Log probability of their phones.
        language: Log probability of their text, its end included.
        reward: What its hotwords add.
    """

    words: tuple[str, ...]
    acoustic: float
    language: float
    reward: float = 0.0


class Hotwords:
    """Rewards words by how they are spelled, as the search by characters does.

    Args:
        automaton: That rewards phrases; reads tokens.
        spelled: Tokens of each word, (N,).
        space: Token between words.
        end: Token after a text.
    """

    def __init__(
        self,
        automaton: Automaton,
        spelled: Sequence[Sequence[int]],
        *,
        space: int,
        end: int,
    ) -> None:
        self.automaton, self.space, self.end = automaton, space, end
        rows = [[*row, space] for row in spelled]
        self.spelled = pad_rows(rows, max(map(len, rows)), "int64")

    def read(
        self, states: np.ndarray, words: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return the states after words, (N,), and what these add."""
        gains = np.zeros(len(states))
        for tokens in self.spelled[words].T:
            real = tokens > 0
            gains += np.where(real, self.automaton.scores[states, tokens], 0.0)
            states = np.where(real, self.automaton.following[states, tokens], states)
        return states, gains

    def most(self) -> np.ndarray:
        """Return the most that each word can add, whatever was said before, (N,)."""
        words = np.arange(len(self.spelled))
        before = np.unique(self.automaton.following[:, self.space])
        gains = [self.read(np.full(len(words), state), words)[1] for state in before]
        return np.asarray(np.max(gains, axis=0))

    def closing(self, states: np.ndarray) -> np.ndarray:
        """Return what the end of a text adds: less than nothing in half a phrase."""
        return self.automaton.scores[states, self.end]


class LexiconSearch:
    """Finds what may have been said.

    Args:
        tree: The lexicon.
        predict: Log probability of words (N,) after two others, (N,) each.
        names: What each word is called.
        special: Words before and after a text.
        weight: Of what `predict` says, beside log probabilities of phones.
        beam: Entries kept at a frame, each a node with the words before it.
        width: Those are dropped whose score is by so much below the best.
        hotwords: What rewards words, beside log probabilities of phones.
    """

    def __init__(
        self,
        tree: PhoneTree,
        predict: Callable[[np.ndarray, np.ndarray, np.ndarray], np.ndarray],
        names: Sequence[str],
        *,
        special: Tokens,
        weight: float,
        beam: int,
        width: float = 16.0,
        hotwords: Hotwords | None = None,
    ) -> None:
        self.tree, self.predict, self.names = tree, predict, names
        self.special, self.weight = special, weight
        self.beam, self.width, self.hotwords = beam, width, hotwords

    @property
    def vocabulary(self) -> set[str]:
        """All words that may be found."""
        return {self.names[word] for word in self.tree.words}

    def __call__(self, log_probs: np.ndarray, count: int) -> list[Hypothesis]:
        """Return the best of what may have been said, best first.

        Args:
            log_probs: Of each phone at each frame, (R, P); 0 is the blank.
            count: How many to return at most.
        """
        beam, histories = _Beam.beginning(), _Histories(self)
        for frame in log_probs.astype(np.float64):
            beam = self._advance(beam, histories, frame)
        return self._ended(beam, histories, count)

    def _advance(self, beam: _Beam, histories: _Histories, frame: np.ndarray) -> _Beam:
        tree, ahead = self.tree, self.tree.lookahead
        total = beam.total
        own = tree.phones[beam.node]
        blank = total + frame[0]
        phone = np.where(own > 0, beam.phone + frame[own], NEVER)
        score = histories.score[beam.history]
        least = (np.maximum(blank, phone) + score + ahead[beam.node]).max() - self.width

        def grown(
            rows: np.ndarray, base: np.ndarray, parents: np.ndarray
        ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
            """Go on from rows to the children of nodes, where that is worth it."""
            again, child = _ranges(tree.first[parents], tree.children[parents])
            next_phone = tree.phones[child]
            row = rows[again]
            # The same phone again takes a blank between.
            before = np.where(next_phone == own[row], beam.blank[row], total[row])
            found = before + frame[next_phone]
            good = found + base[again] + ahead[child] > least
            return again[good], child[good], found[good]

        everyone = np.arange(len(total))
        rows, inside, within = grown(everyone, score, beam.node)
        # Words end where the next one may begin.
        likely = total + frame[1:].max() + score + ahead[beam.node] > least
        ending = everyone[likely & (tree.begin[beam.node + 1] > tree.begin[beam.node])]
        longer = histories.extended(beam.history[ending], beam.node[ending])
        begun, first, after = grown(
            ending[longer.rows],
            histories.score[longer.histories],
            np.zeros(len(longer.rows), np.int64),
        )
        history = np.concatenate(
            [beam.history, beam.history[rows], longer.histories[begun]]
        )
        node = np.concatenate([beam.node, inside, first])
        keys, places = np.unique(history * len(tree.phones) + node, return_inverse=True)
        new_blank = np.full(len(keys), NEVER)
        new_blank[places[: len(total)]] = blank
        new_phone = np.full(len(keys), NEVER)
        np.logaddexp.at(new_phone, places, np.concatenate([phone, within, after]))
        history, node = keys // len(tree.phones), keys % len(tree.phones)
        rank = np.logaddexp(new_blank, new_phone) + histories.score[history]
        rank += ahead[node]
        good = np.flatnonzero(rank > rank.max() - self.width)
        good = good[np.argsort(-rank[good], kind="stable")]
        # What follows depends on the last two words, hotwords that have begun, and
        # the node.
        future = histories.future(history[good]) * len(tree.phones) + node[good]
        good = good[np.sort(np.unique(future, return_index=True)[1])[: self.beam]]
        return _Beam(node[good], history[good], new_blank[good], new_phone[good])

    def _ended(
        self, beam: _Beam, histories: _Histories, count: int
    ) -> list[Hypothesis]:
        """Close the texts of entries where a word ends, or none has begun.

        Where there are none, as in speech that is cut off, the word that has begun is
        left out.
        """
        found = histories.extended(beam.history, beam.node)
        none = np.flatnonzero(beam.node == ROOT)
        history = np.concatenate([beam.history[none], found.histories])
        total = beam.total[np.concatenate([none, found.rows])]
        if not history.size:
            history, total = beam.history, beam.total
        ids, places = np.unique(history, return_inverse=True)
        acoustic = np.full(len(ids), NEVER)
        np.logaddexp.at(acoustic, places, total)
        before, last = histories.before[ids], histories.word[ids]
        closing = self.predict(before, last, np.full(len(ids), self.special.end))
        reward = histories.reward[ids]
        if self.hotwords:
            reward = reward + self.hotwords.closing(histories.state[ids])
        log_probs = histories.log_prob[ids] + closing
        scores = acoustic + self.weight * log_probs + reward
        best = np.argsort(-scores, kind="stable")
        best = best[acoustic[best] > 0.5 * NEVER][:count]
        return [
            Hypothesis(
                tuple(self.names[word] for word in histories.words(int(ids[at]))),
                float(acoustic[at]),
                float(log_probs[at]),
                float(reward[at]),
            )
            for at in best
        ]


class _Beam(NamedTuple):
    """What is kept at a frame: nodes, words before them, log probabilities."""

    node: np.ndarray
    history: np.ndarray
    blank: np.ndarray  # the last frame was a blank
    phone: np.ndarray  # the last frame was the phone of the node

    @classmethod
    def beginning(cls) -> _Beam:
        nothing = np.zeros(1, np.int64)
        return cls(nothing, nothing, np.zeros(1), np.full(1, NEVER))

    @property
    def total(self) -> np.ndarray:
        return np.logaddexp(self.blank, self.phone)


class _Extended(NamedTuple):
    rows: np.ndarray  # of what was asked
    histories: np.ndarray


class _Histories:
    """All words that the search has come upon, one after another, by number.

    0 is the beginning, with no words.
    """

    def __init__(self, search: LexiconSearch) -> None:
        self.search = search
        self.count = 1
        self.numbers: dict[tuple[int, int], int] = {}
        self.parent = np.zeros(1024, np.int64)
        self.before = np.full(1024, search.special.start)  # the last word but one
        self.word = np.full(1024, search.special.start)
        self.log_prob, self.reward, self.score = np.zeros((3, 1024))
        hotwords = search.hotwords
        self.states = len(hotwords.automaton.scores) if hotwords else 1
        start = hotwords.automaton.start if hotwords else 0
        self.state = np.full(1024, start)  # of the automaton of hotwords

    def future(self, histories: np.ndarray) -> np.ndarray:
        """Return a number for all of each that matters to what follows."""
        last = self.before[histories] * len(self.search.names) + self.word[histories]
        return last * self.states + self.state[histories]

    def extended(self, histories: np.ndarray, nodes: np.ndarray) -> _Extended:
        """Put the words that end at nodes behind histories."""
        tree = self.search.tree
        begin = tree.begin[nodes]
        rows, places = _ranges(begin, tree.begin[nodes + 1] - begin)
        words = tree.words[places]
        pairs = list(zip(histories[rows].tolist(), words.tolist(), strict=True))
        new = [pair for pair in dict.fromkeys(pairs) if pair not in self.numbers]
        if new:
            self._add(np.array(new))
            self.numbers.update(
                zip(new, range(self.count - len(new), self.count), strict=True)
            )
        return _Extended(
            rows, np.array([self.numbers[pair] for pair in pairs], np.int64)
        )

    def _add(self, new: np.ndarray) -> None:
        parents, words = new.T
        here = slice(self.count, self.count + len(new))
        while here.stop > len(self.word):
            for name, array in vars(self).items():
                if isinstance(array, np.ndarray):
                    setattr(self, name, np.concatenate([array, np.zeros_like(array)]))
        search = self.search
        before = self.word[parents]
        log_probs = search.predict(self.before[parents], before, words)
        self.parent[here], self.before[here], self.word[here] = parents, before, words
        self.log_prob[here] = self.log_prob[parents] + log_probs
        if search.hotwords:
            self.state[here], gains = search.hotwords.read(self.state[parents], words)
            self.reward[here] = self.reward[parents] + gains
        self.score[here] = search.weight * self.log_prob[here] + self.reward[here]
        self.count = here.stop

    def words(self, history: int) -> tuple[int, ...]:
        """Return the words of one."""
        found: list[int] = []
        while history:
            found.append(int(self.word[history]))
            history = int(self.parent[history])
        return tuple(reversed(found))


def _ranges(first: np.ndarray, counts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return all numbers of ranges, and before them which range each is from."""
    rows = np.repeat(np.arange(len(first)), counts)
    before = np.cumsum(counts) - counts
    return rows, np.arange(len(rows)) - before[rows] + first[rows]
