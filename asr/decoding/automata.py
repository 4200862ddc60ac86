"""Finite automata that score what is written, token by token."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

import numpy as np
from keras import ops

from asr.arrays import Tensor
from asr.decoding.ctc_prefix import NEVER
from asr.decoding.scorers import TableScorer, WordScorer

_TOGETHER = 4096  # texts that are scored at once


class Automaton(NamedTuple):
    """What adds to the score of each token, given what was written before it.

    Attributes:
        scores: Score of each token in each state, (S, V) float32.
        following: State after each token, (S, V) int32.
        start: State in which a text begins.
    """

    scores: np.ndarray
    following: np.ndarray
    start: int

    def guide(self, table: Callable[[np.ndarray], Tensor]) -> TableScorer:
        """Return it in tensors, each of which `table` makes of an array."""
        return TableScorer(table(self.scores), table(self.following))


def prefix_automaton(prefix: Sequence[int], vocabulary: int) -> Automaton:
    """Return one that lets a text begin in one way only.

    Its last state lets everything be written.

    Args:
        prefix: Tokens that come first.
        vocabulary: Number of tokens, V.
    """
    size = len(prefix)
    scores = np.full((size + 1, vocabulary), NEVER, np.float32)
    scores[size] = 0.0
    scores[np.arange(size), list(prefix)] = 0.0
    following = np.minimum(np.arange(size + 1) + 1, size)
    table = np.tile(following[:, None], (1, vocabulary)).astype(np.int32)
    return Automaton(scores, table, 0)


def phrases_automaton(
    phrases: Iterable[Sequence[int]],
    vocabulary: int,
    *,
    bonus: float,
    space: int,
    end: int,
) -> Automaton:
    """Return one that rewards phrases, as they are written, of whole words.

    Each token of a phrase is rewarded at once, so that the search keeps it; where the
    phrase is not finished, all of that is taken back.

    Args:
        phrases: Tokens of each phrase, without spaces around it.
        vocabulary: Number of tokens, V.
        bonus: What each token of a phrase adds.
        space: Token between words.
        end: Token after a text.

    Reference:
        D. Zhao et al., Shallow-Fusion End-to-End Contextual Biasing, Interspeech 2019,
        section 3: prefixes are rewarded, and failure arcs take it back.
    """
    # State 0 is inside of a word of no phrase, state 1 before a word; all others are
    # prefixes of phrases, the shorter before the longer.
    inside, before = 0, 1
    prefixes: dict[tuple[int, ...], int] = {(): before}
    wanted = {tuple(phrase) for phrase in phrases if len(phrase)}
    found = {phrase[:size] for phrase in wanted for size in range(1, len(phrase) + 1)}
    for prefix in sorted(found, key=len):
        prefixes[prefix] = len(prefixes) + 1
    scores = np.zeros((len(prefixes) + 1, vocabulary), np.float32)
    following = np.full(scores.shape, inside, np.int32)
    following[:, space] = before
    # What a state was given and may yet have to return, what of it a word that ends
    # there makes its own, and the longest other prefix that the same words end with.
    held, earned = np.zeros(len(scores)), np.zeros(len(scores))
    shorter = np.full(len(scores), inside)
    for prefix, state in prefixes.items():
        if prefix:
            parent = prefixes[prefix[:-1]]
            shorter[state] = following[shorter[parent], prefix[-1]]
            kept = earned[parent] if prefix[-1] == space else 0.0
            held[state] = held[parent] - kept + bonus
            whole = prefix in wanted
            earned[state] = held[state] if whole else earned[shorter[state]]
        following[state] = following[shorter[state]]
        for token in range(vocabulary):
            longer = prefixes.get((*prefix, token))
            if longer is not None:
                following[state, token] = longer
    for state in range(len(scores)):
        scores[state] = held[following[state]] - held[state]
        scores[state, space] += earned[state]
        scores[state, end] = earned[state] - held[state]
    return Automaton(scores, following, before)


def text_score(
    automaton: Automaton | WordScorer, texts: Iterable[Sequence[int]]
) -> float:
    """Return what an automaton adds to all tokens of texts.

    Args:
        automaton: Any.
        texts: Tokens of each.
    """
    guide = automaton.guide(ops.convert_to_tensor)
    rows, total = sorted(texts, key=len, reverse=True), 0.0
    for first in range(0, len(rows), _TOGETHER):
        some = rows[first : first + _TOGETHER]
        # As many in each turn: some backends compile for each number of them.
        count, longest = min(len(rows), _TOGETHER), len(some[0])
        tokens = np.zeros((longest, count, 1), np.int32)
        real = np.zeros((longest, count, 1), np.float32)
        for column, row in enumerate(some):
            tokens[: len(row), column, 0] = row
            real[: len(row), column] = 1.0
        state = guide.begin(np.full((count, 1), automaton.start, np.int32))
        for written, weight in zip(tokens, real, strict=True):
            gains = guide.scores(state)
            gains = ops.take_along_axis(gains, written[..., None], axis=-1)
            total += float(ops.sum(gains[..., 0] * weight))
            state = guide.follow(state, written)
    return total
