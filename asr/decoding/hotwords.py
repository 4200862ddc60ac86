"""Hotwords and prefixes as finite automata, and total scores of texts."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import Any

import numpy as np

from asr.arrays import pad_rows
from asr.decoding.scorers import NEVER, Automaton, WordScorer
from asr.errors import DataError

_BATCH = 4096  # texts scored at once
_LONGEST_PHRASE = 200  # tokens
_MOST_PREFIXES = 100_000  # each has a row of scores for all tokens
_INSIDE, _BEFORE = 0, 1  # states of phrases: inside a word of none, before a word


def prefix_automaton(prefix: Sequence[int], vocabulary: int) -> Automaton:
    """Return an automaton that makes texts begin with a prefix.

    Its last state allows all tokens.

    Args:
        prefix: First tokens of a text.
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
    bonus: float | Sequence[float],
    space: int,
    end: int,
) -> Automaton:
    """Return an automaton that rewards phrases of whole words (hotwords).

    Each token of a phrase is rewarded at once, so that the phrase stays in the beam.
    Where the phrase breaks off, its rewards are taken back.

    Args:
        phrases: Tokens of each phrase, without spaces around it.
        vocabulary: Number of tokens, V.
        bonus: Reward of each token of a phrase, one for all phrases or one for each.
            Where phrases begin alike, the lowest counts.
        space: Token between words.
        end: Token after a text.

    Raises:
        DataError: A phrase is too long, or there are too many.

    Reference:
        D. Zhao et al., Shallow-Fusion End-to-End Contextual Biasing, Interspeech 2019,
        section 3: rewards of prefixes, and failure arcs that take them back.
    """
    # The other states are prefixes of phrases, the shorter before the longer.
    whole = [tuple(phrase) for phrase in phrases]
    complete = {phrase for phrase in whole if phrase}
    _check_sizes(complete)
    rewards: dict[tuple[int, ...], float] = {}
    each = np.broadcast_to(bonus, len(whole)).tolist()
    for phrase, reward in zip(whole, each, strict=True):
        for size in range(1, len(phrase) + 1):
            known = rewards.get(phrase[:size], reward)
            rewards[phrase[:size]] = min(known, reward)
    states: dict[tuple[int, ...], int] = {(): _BEFORE}
    for prefix in sorted(rewards, key=len):
        states[prefix] = len(states) + 1
    scores = np.zeros((len(states) + 1, vocabulary), np.float32)
    following = np.full(scores.shape, _INSIDE, np.int32)
    following[:, space] = _BEFORE
    # Rewards that a state may have to give back; the part of them that a word boundary
    # after it makes final; and the state of the longest shorter prefix that the same
    # words end with (the failure arc of Aho-Corasick).
    pending, final = np.zeros(len(scores)), np.zeros(len(scores))
    failure = np.full(len(scores), _INSIDE)
    for prefix, state in states.items():
        if prefix:
            parent = states[prefix[:-1]]
            failure[state] = following[failure[parent], prefix[-1]]
            kept = final[parent] if prefix[-1] == space else 0.0
            pending[state] = pending[parent] - kept + rewards[prefix]
            done = prefix in complete
            final[state] = pending[state] if done else final[failure[state]]
        following[state] = following[failure[state]]
        for token in range(vocabulary):
            longer = states.get((*prefix, token))
            if longer is not None:
                following[state, token] = longer
    scores[:] = pending[following] - pending[:, None]
    scores[:, space] += final
    scores[:, end] = final - pending
    return Automaton(scores, following, _BEFORE)


def _check_sizes(phrases: Collection[Sequence[int]]) -> None:
    longest, total = max(map(len, phrases), default=0), sum(map(len, phrases))
    if longest > _LONGEST_PHRASE:
        raise DataError(
            f"a hotword must have at most {_LONGEST_PHRASE} characters, got {longest}"
        )
    if total > _MOST_PREFIXES:
        raise DataError(
            f"hotwords must have at most {_MOST_PREFIXES:,} characters, got {total:,}"
        )


class HotwordScorer:
    """Rewards whole words by the automaton that rewards their letters.

    Args:
        automaton: One of `phrases_automaton`.
        spelled: Tokens of each word, padded with 0, (N, L).
        space: Token between words.
        end: Token after a text.
    """

    def __init__(
        self, automaton: Automaton, spelled: np.ndarray, *, space: int, end: int
    ) -> None:
        self.automaton, self.space, self.end = automaton, space, end
        self.spelled = np.pad(spelled, ((0, 0), (0, 1)))
        lengths = np.count_nonzero(spelled, axis=1)
        self.spelled[np.arange(len(spelled)), lengths] = space

    def follow(
        self, states: np.ndarray, words: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return the states after words, (N,), and the words' scores."""
        gains, states = np.zeros(len(states)), states.copy()
        live = np.arange(len(states))  # words that a phrase may go on with
        for column in self.spelled.T:
            tokens = column[words[live]]
            live, tokens = live[tokens > 0], tokens[tokens > 0]
            gains[live] += self.automaton.scores[states[live], tokens]
            states[live] = self.automaton.following[states[live], tokens]
            live = live[states[live] != _INSIDE]
        states[states == _INSIDE] = _BEFORE  # after the space behind the word
        return states, gains

    def best_gains(self) -> np.ndarray:
        """Return the highest score of each word after any other word, (N,)."""
        words = np.arange(len(self.spelled))
        before = np.unique(self.automaton.following[:, self.space])
        best = np.full(len(words), -np.inf)
        for state in before:
            _, gains = self.follow(np.full(len(words), state), words)
            np.maximum(best, gains, out=best)
        return best

    def end_scores(self, states: np.ndarray) -> np.ndarray:
        """Return the score of a text's end: negative inside a phrase."""
        return self.automaton.scores[states, self.end]


def text_score(scorer: Automaton | WordScorer, texts: Iterable[Sequence[int]]) -> float:
    """Return the total score of texts.

    Args:
        scorer: An automaton or scorer.
        texts: Tokens of each text.
    """
    rows, total = sorted(texts, key=len, reverse=True), 0.0
    for first in range(0, len(rows), _BATCH):
        batch = rows[first : first + _BATCH]
        tokens = pad_rows(batch, len(batch[0]), "int32")
        lengths = np.array([len(row) for row in batch])
        state: Any = scorer.initial_state(
            np.full((len(batch), 1), scorer.start, np.int32)
        )
        zeros = np.zeros((len(batch), 1), np.float32)
        for place, token in enumerate(tokens.T[..., None]):  # (B, 1) each
            gains = scorer.extend(zeros, state)
            gains = np.take_along_axis(gains, token[..., None], axis=-1)[:, 0, 0]
            total += float(np.sum(gains[place < lengths], dtype=np.float64))
            state = scorer.follow(state, token)
    return total
