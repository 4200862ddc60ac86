"""Lexicon search: time-synchronous CTC beam search over a tree of pronunciations.

At each frame the beam holds entries: a node of the tree of all words' phones, the words
before it (a history), and the log probability of all CTC paths up to here. Of
entries with the same future only the best stays (recombination).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from asr.arrays import grouped
from asr.decoding.hotwords import HotwordScorer
from asr.decoding.prefix_tree import ROOT, SearchTree
from asr.decoding.scorers import NEVER
from asr.decoding.word_histories import TINY, Histories, WordModel, ranges
from asr.text.special_tokens import END


class Hypothesis(NamedTuple):
    """One text with its scores.

    Attributes:
        words: The words in their order.
        acoustic: Log probability of their phones.
        language: Log probability of the text, its end included.
        reward: Score of its hotwords.
    """

    words: tuple[str, ...]
    acoustic: float
    language: float
    reward: float = 0.0


class LexiconSearch:
    """Finds texts of a lexicon's words in the outputs of a CTC head of phones.

    Args:
        tree: The lexicon. A text begins with a word behind its start.
        language: Predicts words.
        names: Spelling of each word.
        weight: Factor of log probabilities of words beside those of phones.
        beam: Entries kept at a frame, each a node with its history.
        width: Entries whose score is this much below the best are dropped.
        hotwords: Rewards words; its scores stand beside log probabilities of phones.
    """

    def __init__(
        self,
        tree: SearchTree,
        language: WordModel,
        names: Sequence[str],
        *,
        weight: float,
        beam: int,
        width: float = 12.0,
        hotwords: HotwordScorer | None = None,
    ) -> None:
        self.tree, self.lookahead, self.start = tree
        self.language, self.names = language, names
        self.weight, self.beam, self.width = weight, beam, width
        self.hotwords = hotwords

    def __call__(self, log_probs: np.ndarray, count: int) -> list[Hypothesis]:
        """Return the best hypotheses of one recording; see `batch`."""
        return self.batch([log_probs], count)[0]

    def batch(
        self,
        log_probs: Sequence[np.ndarray],
        count: int,
        is_first: Sequence[bool] | None = None,
    ) -> list[list[Hypothesis]]:
        """Return the best hypotheses of each recording, best first.

        All recordings advance together: arrays of one recording are so small that
        the calls of NumPy would take most of the time.

        Args:
            log_probs: Log probability of each phone at each frame of each recording,
                (R, P) with an R of its own; 0: blank.
            count: Maximum number of hypotheses.
            is_first: True where a text begins, at the start of the tree; default: all.
        """
        # Longest first: those that are not at their end are the first rows.
        order = sorted(range(len(log_probs)), key=lambda index: -len(log_probs[index]))
        lengths = [len(log_probs[index]) for index in order]
        histories = Histories(self.tree, self.language, self.weight, self.hotwords)
        first = np.ones(len(order), bool) if is_first is None else np.array(is_first)
        beam = _Beam.at(np.where(first[order], self.start, ROOT))
        found: dict[int, list[Hypothesis]] = {}
        for time in range(max(lengths, default=0) + 1):
            rows = sum(length > time for length in lengths)
            while len(found) < len(order) - rows:
                last = len(order) - len(found) - 1
                ended = beam.take(np.flatnonzero(beam.row == last))
                found[order[last]] = self._n_best(ended, histories, count)
            if rows:
                beam = beam.take(np.flatnonzero(beam.row < rows))
                frame = np.stack([log_probs[index][time] for index in order[:rows]])
                beam = self._advance(beam, frame.astype(np.float64), histories)
        return [found[index] for index in range(len(order))]

    def _advance(self, beam: _Beam, frame: np.ndarray, histories: Histories) -> _Beam:
        """Return the beam after one more frame, (B, P)."""
        step = self._stay(beam, histories, frame)
        inside = self._extend_in_word(step)
        begun = self._start_word(step, histories)
        return self._recombine(step.stayed, inside, begun, histories)

    def _stay(self, beam: _Beam, histories: Histories, frame: np.ndarray) -> _Step:
        """Let each entry stay at its node; set the scores that others must reach."""
        total = np.logaddexp(beam.blank, beam.phone)
        own = self.tree.phones[beam.node]
        blank = total + frame[beam.row, 0]
        # A node stays by a blank, or by its own phone again; the root has no phone.
        phone = np.where(own > 0, beam.phone + frame[beam.row, own], NEVER)
        score = histories.rows["score"][beam.history]
        # Lookahead makes entries deep inside a word and at its start comparable.
        rank = np.maximum(blank, phone) + score + self.lookahead[beam.node]
        stayed = beam._replace(blank=blank, phone=phone)
        least = self._least(rank, stayed.row, stayed.node)
        return _Step(beam, frame, total, own, score, stayed, least)

    def _extend_in_word(self, step: _Step) -> _Entries:
        """Go on from each node to its children."""
        beam, entries = step.beam, np.arange(len(step.total))
        return self._children(step, entries, beam.history, step.score, beam.node)

    def _start_word(self, step: _Step, histories: Histories) -> _Entries:
        """Go on from nodes where words end to the first phones of the next word."""
        tree, beam = self.tree, step.beam
        # No next word is better than the best first phone: most ends need no history,
        # and most of these histories need no children.
        first = slice(tree.first[ROOT], tree.first[ROOT] + tree.children[ROOT])
        start = (step.frame[:, tree.phones[first]] + self.lookahead[first]).max(axis=1)
        spare = step.total + (start - step.least)[beam.row]
        ends = tree.begin[beam.node + 1] > tree.begin[beam.node]
        best = spare + step.score + self.lookahead[beam.node]
        entries = np.flatnonzero((best > 0) & ends)
        index, history = histories.extended(beam.history[entries], beam.node[entries])
        entries, score = entries[index], histories.rows["score"][history]
        good = np.flatnonzero(spare[entries] + score > 0)
        entries, history, score = entries[good], history[good], score[good]
        root = np.full(len(history), ROOT)
        return self._children(step, entries, history, score, root)

    def _children(
        self,
        step: _Step,
        entries: np.ndarray,
        history: np.ndarray,
        score: np.ndarray,
        node: np.ndarray,
    ) -> _Entries:
        """Extend entries of the beam to all children of nodes, above the threshold.

        The new entries have the given histories, with their scores; (N,) each.
        """
        beam = step.beam
        index, child = ranges(self.tree.first[node], self.tree.children[node])
        entry, phone = entries[index], self.tree.phones[child]
        # CTC needs a blank between two phones that are the same.
        same = phone == step.own[entry]
        row = beam.row[entry]
        log_prob = np.where(same, beam.blank[entry], step.total[entry])
        log_prob += step.frame[row, phone]
        rank = log_prob + score[index] + self.lookahead[child]
        good = np.flatnonzero(rank > step.least[row])
        return _Entries(row[good], child[good], history[index[good]], log_prob[good])

    def _recombine(
        self, stayed: _Beam, inside: _Entries, begun: _Entries, histories: Histories
    ) -> _Beam:
        """Add up paths to the same entry, and keep the best entries of each row."""
        nodes = len(self.tree.phones)
        row, node, history, log_probs = map(
            np.concatenate,
            zip(
                (stayed.row, stayed.node, stayed.history, stayed.phone),
                inside,
                begun,
                strict=True,
            ),
        )
        keys = (row * histories.count + history) * nodes + node
        first, index = grouped(keys)
        blank, phone = np.full((2, len(first)), NEVER)
        blank[index[: len(stayed.blank)]] = stayed.blank
        np.logaddexp.at(phone, index, log_probs)
        row, node, history = row[first], node[first], history[first]
        rank = np.logaddexp(blank, phone) + histories.rows["score"][history]
        rank += self.lookahead[node]
        good = np.flatnonzero(rank > self._least(rank, row, node)[row])
        good = good[np.argsort(-rank[good], kind="stable")]
        # Of entries whose future is the same, the best one wins whatever follows.
        future = histories.rows["future"][history[good]]
        future = (row[good] * histories.count + future) * nodes + node[good]
        good = good[np.sort(grouped(future)[0])]
        # A stable sort of short numbers takes a tenth of the time.
        good = good[np.argsort(row[good].astype(np.uint16), kind="stable")]
        place = np.arange(len(good)) - np.searchsorted(row[good], row[good])
        good = good[place < self.beam]
        return _Beam(row[good], node[good], history[good], blank[good], phone[good])

    def _least(self, rank: np.ndarray, row: np.ndarray, node: np.ndarray) -> np.ndarray:
        """Return the rank that entries of each row must exceed, (B,).

        All stay while the best entry is inside the first word of a forced start: an
        entry that ends it early, because it is not said, looks bad at first.
        """
        edges = np.searchsorted(row, np.arange(row[-1] + 1))  # it is sorted
        best = np.maximum.reduceat(rank, edges)
        least = best - self.width
        if self.start != ROOT:
            inside = np.where(node >= self.start, rank, -np.inf)
            least[np.maximum.reduceat(inside, edges) == best] = -np.inf
        return least

    def _n_best(
        self, beam: _Beam, histories: Histories, count: int
    ) -> list[Hypothesis]:
        """End the texts of entries at the root or at the end of a word.

        If there are none, as in cut-off speech, drop the unfinished word.
        """
        total = np.logaddexp(beam.blank, beam.phone)
        index, longer = histories.extended(beam.history, beam.node)
        between = np.flatnonzero(beam.node == ROOT)
        history = np.concatenate([beam.history[between], longer])
        log_probs = np.concatenate([total[between], total[index]])
        if not history.size:
            history, log_probs = beam.history, total
        # Several entries may end in one text: different pronunciations add up.
        first, index = grouped(history)
        ids = history[first]
        acoustic = np.full(len(ids), NEVER)
        np.logaddexp.at(acoustic, index, log_probs)
        rows = histories.rows[ids]
        end = np.full(len(ids), END)
        probs, _ = self.language.extend(rows["context"], end)
        language = rows["log_prob"] + np.log(np.maximum(probs, TINY))
        reward = rows["reward"]
        if self.hotwords:
            reward = reward + self.hotwords.end_scores(rows["state"])
        scores = acoustic + self.weight * language + reward
        best = np.argsort(-scores, kind="stable")
        best = best[acoustic[best] > 0.5 * NEVER][:count]
        return [
            Hypothesis(
                tuple(self.names[word] for word in histories.words(int(history))),
                *map(float, scores),
            )
            for history, *scores in zip(
                ids[best], acoustic[best], language[best], reward[best], strict=True
            )
        ]


class _Beam(NamedTuple):
    """Entries at a frame, (N,) each, in the order of their rows."""

    row: np.ndarray  # recording
    node: np.ndarray
    history: np.ndarray
    blank: np.ndarray  # log probability of paths whose last frame is a blank
    phone: np.ndarray  # ... is the phone of the node

    @classmethod
    def at(cls, nodes: np.ndarray) -> _Beam:
        """Return the beam of recordings before their first frame, each at a node."""
        rows, empty = np.arange(len(nodes)), np.zeros(len(nodes), np.int64)
        never = np.full(len(nodes), NEVER)
        return cls(rows, nodes, empty, blank=np.zeros(len(nodes)), phone=never)

    def take(self, index: np.ndarray) -> _Beam:
        """Return some of the entries."""
        return _Beam(*(values[index] for values in self))


class _Entries(NamedTuple):
    """New entries, whose last frame is the phone of their node, (N,) each."""

    row: np.ndarray
    node: np.ndarray
    history: np.ndarray
    log_prob: np.ndarray


class _Step(NamedTuple):
    """Values that the steps at one frame share; (N,) for the entries of the beam."""

    beam: _Beam
    frame: np.ndarray  # log probabilities, (B, P)
    total: np.ndarray  # log probability of all paths
    own: np.ndarray  # phone of the node
    score: np.ndarray  # of the history
    stayed: _Beam
    least: np.ndarray  # score that new entries of each row must reach, (B,)
