"""Lexicon search: time-synchronous CTC beam search over a tree of pronunciations.

At each frame the beam holds entries: a node of the tree of all words' phones, the words
before it (a history), and the log probability of all CTC paths up to here. Of
entries with the same future only the best stays (recombination).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from asr.decoding.hotwords import HotwordScorer
from asr.decoding.prefix_tree import ROOT, PhoneTree
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
        tree: The lexicon.
        lookahead: Best score of the words behind each node of the tree, (N,).
        language: Predicts words.
        names: Spelling of each word.
        weight: Factor of log probabilities of words beside those of phones.
        beam: Entries kept at a frame, each a node with its history.
        width: Entries whose score is this much below the best are dropped.
        hotwords: Rewards words; its scores stand beside log probabilities of phones.
    """

    def __init__(
        self,
        tree: PhoneTree,
        lookahead: np.ndarray,
        language: WordModel,
        names: Sequence[str],
        *,
        weight: float,
        beam: int,
        width: float = 12.0,
        hotwords: HotwordScorer | None = None,
    ) -> None:
        self.tree, self.lookahead = tree, lookahead
        self.language, self.names = language, names
        self.weight, self.beam, self.width = weight, beam, width
        self.hotwords = hotwords

    @property
    def vocabulary(self) -> set[str]:
        """Words that the search can find."""
        return {self.names[word] for word in self.tree.words}

    def __call__(self, log_probs: np.ndarray, count: int) -> list[Hypothesis]:
        """Return the best hypotheses, best first.

        Args:
            log_probs: Log probability of each phone at each frame, (R, P); 0: blank.
            count: Maximum number of hypotheses.
        """
        root = np.zeros(1, np.int64)
        histories = Histories(self.tree, self.language, self.weight, self.hotwords)
        beam = _Beam(root, root, blank=np.zeros(1), phone=np.full(1, NEVER))
        for frame in log_probs.astype(np.float64):
            step = self._stay(beam, histories, frame)
            inside = self._extend_in_word(step)
            begun = self._start_word(step, histories)
            beam = self._recombine(step.stayed, inside, begun, histories)
        return self._n_best(beam, histories, count)

    def _stay(self, beam: _Beam, histories: Histories, frame: np.ndarray) -> _Step:
        """Let each entry stay at its node, and set the score that others must reach."""
        total = np.logaddexp(beam.blank, beam.phone)
        own = self.tree.phones[beam.node]
        blank = total + frame[0]
        # A node stays by a blank, or by its own phone again; the root has no phone.
        phone = np.where(own > 0, beam.phone + frame[own], NEVER)
        score = histories.rows["score"][beam.history]
        # Lookahead makes entries deep inside a word and at its start comparable.
        rank = np.maximum(blank, phone) + score + self.lookahead[beam.node]
        stayed = _Beam(beam.node, beam.history, blank, phone)
        return _Step(beam, frame, total, own, score, stayed, rank.max() - self.width)

    def _extend_in_word(self, step: _Step) -> _Entries:
        """Go on from each node to its children."""
        beam, rows = step.beam, np.arange(len(step.total))
        return self._children(step, rows, beam.history, step.score, beam.node)

    def _start_word(self, step: _Step, histories: Histories) -> _Entries:
        """Go on from nodes where words end to the first phones of the next word."""
        tree, node = self.tree, step.beam.node
        # No next word is better than the best first phone: most ends need no history.
        first = slice(1, 1 + tree.children[ROOT])
        start = (step.frame[tree.phones[first]] + self.lookahead[first]).max()
        best = step.total + start + step.score + self.lookahead[node]
        ends = tree.begin[node + 1] > tree.begin[node]
        rows = np.flatnonzero((best > step.least) & ends)
        index, history = histories.extended(step.beam.history[rows], node[rows])
        score = histories.rows["score"][history]
        root = np.full(len(history), ROOT)
        return self._children(step, rows[index], history, score, root)

    def _children(
        self,
        step: _Step,
        rows: np.ndarray,
        history: np.ndarray,
        score: np.ndarray,
        node: np.ndarray,
    ) -> _Entries:
        """Extend entries of the beam to all children of nodes, above the threshold.

        The new entries have the given histories, with their scores; (N,) each.
        """
        index, child = ranges(self.tree.first[node], self.tree.children[node])
        row, phone = rows[index], self.tree.phones[child]
        # CTC needs a blank between two phones that are the same.
        before = np.where(phone == step.own[row], step.beam.blank[row], step.total[row])
        log_prob = before + step.frame[phone]
        good = log_prob + score[index] + self.lookahead[child] > step.least
        return _Entries(child[good], history[index[good]], log_prob[good])

    def _recombine(
        self, stayed: _Beam, inside: _Entries, begun: _Entries, histories: Histories
    ) -> _Beam:
        """Add up paths to the same entry, and keep the best entries."""
        nodes = len(self.tree.phones)
        history = np.concatenate([stayed.history, inside.history, begun.history])
        node = np.concatenate([stayed.node, inside.node, begun.node])
        log_probs = np.concatenate([stayed.phone, inside.log_prob, begun.log_prob])
        keys, index = np.unique(history * nodes + node, return_inverse=True)
        blank, phone = np.full((2, len(keys)), NEVER)
        blank[index[: len(stayed.blank)]] = stayed.blank
        np.logaddexp.at(phone, index, log_probs)
        history, node = np.divmod(keys, nodes)
        rank = np.logaddexp(blank, phone) + histories.rows["score"][history]
        rank += self.lookahead[node]
        good = np.flatnonzero(rank > rank.max() - self.width)
        good = good[np.argsort(-rank[good], kind="stable")]
        # Of entries whose future is the same, the best one wins whatever follows.
        future = histories.rows["future"][history[good]] * nodes + node[good]
        good = good[np.sort(np.unique(future, return_index=True)[1])[: self.beam]]
        return _Beam(node[good], history[good], blank[good], phone[good])

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
        ids, index = np.unique(history, return_inverse=True)
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
    """Entries at a frame, (N,) each."""

    node: np.ndarray
    history: np.ndarray
    blank: np.ndarray  # log probability of paths whose last frame is a blank
    phone: np.ndarray  # ... is the phone of the node


class _Entries(NamedTuple):
    """New entries, whose last frame is the phone of their node, (N,) each."""

    node: np.ndarray
    history: np.ndarray
    log_prob: np.ndarray


class _Step(NamedTuple):
    """Values that the steps at one frame share; (N,) for the entries of the beam."""

    beam: _Beam
    frame: np.ndarray  # log probabilities, (P,)
    total: np.ndarray  # log probability of all paths
    own: np.ndarray  # phone of the node
    score: np.ndarray  # of the history
    stayed: _Beam
    least: float  # score that new entries must reach
