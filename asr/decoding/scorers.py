"""Scorers that take part in beam search beside the decoder."""

from __future__ import annotations

from typing import Any, NamedTuple, Protocol

import numpy as np

from asr.decoding.prefix_tree import ROOT, Lexicon
from asr.decoding.word_ngrams import WordNGrams

# Log probability of the impossible: finite, so that differences stay numbers.
NEVER = -1e9


class Scorer(Protocol):
    """Scores the tokens of hypotheses: a language model, hotwords, a prefix, CTC.

    The leaves of its state begin with (B, K), so that beam search can reorder them. The
    search keeps the total score of each hypothesis, and passes it in.
    """

    def initial_state(self, starts: np.ndarray) -> Any:
        """Return the state before the first token; starts: (B, K) int32."""

    def extend(self, totals: np.ndarray, state: Any) -> np.ndarray:
        """Return total scores with each next token, (B, K, V); totals: (B, K)."""

    def follow(self, state: Any, tokens: np.ndarray) -> Any:
        """Return the state after tokens, (B, K) int32."""


class Automaton(NamedTuple):
    """A finite automaton whose states score the next token; a `Scorer`.

    Attributes:
        scores: Score of each token in each state, (S, V) float32.
        following: State after each token, (S, V) int32.
        start: State before a text.
    """

    scores: np.ndarray
    following: np.ndarray
    start: int

    def initial_state(self, starts: np.ndarray) -> np.ndarray:
        """See `Scorer`."""
        return starts

    def extend(self, totals: np.ndarray, state: np.ndarray) -> np.ndarray:
        """See `Scorer`."""
        return totals[..., None] + self.scores[state]

    def follow(self, state: np.ndarray, tokens: np.ndarray) -> np.ndarray:
        """See `Scorer`."""
        return self.following[state, tokens]


class WordState(NamedTuple):
    """State of a `WordScorer`, (B, K) where nothing else is said.

    Attributes:
        letter_state: Row of the letters' automaton.
        letter_score: Score of the letters of the current word.
        node: Node of the current word in the lexicon.
        history: Complete words as a history of the n-grams, (B, K, levels).
        next_history: The same with the current word.
        word_score: Weighted log probability of the current word, if it ended here.
    """

    letter_state: np.ndarray
    letter_score: np.ndarray
    node: np.ndarray
    history: np.ndarray
    next_history: np.ndarray
    word_score: np.ndarray


class WordScorer(NamedTuple):
    """Character n-grams inside a word, word n-grams at its end.

    At the end of a word of the lexicon, the log probability of the word replaces the
    score of its letters. An unknown word keeps the score of its letters, and adds the
    log probability of `unknown`.

    Example: "THE CAT " with weight 1. After "THE CA", `letter_score` is
    log p(C | "THE ") + log p(A | "THE C") = -5, and `history` stands for THE. The
    letter T adds its own -1, so that `letter_score` is -6, `node` is that of CAT, and
    `word_score` is log p(CAT | <s> THE) = -4. The space then adds -4 - (-6) = +2: the
    three letters and the space cost -4 together.

    Attributes:
        letters: Automaton of the weighted log probabilities of letters.
        lexicon: Prefix tree of the words.
        ngrams: N-grams of the words.
        unknown: Word for all words that the lexicon lacks.
        space: Token between words.
        end: Token after a text.
        weight: Factor of natural log probabilities.
        bonus: Score of a word that ends at each node of the lexicon, (N,) float32.

    Reference:
        T. Hori et al., Multi-level Language Modeling and Decoding for Open Vocabulary
        End-to-End Speech Recognition, ASRU 2017.
    """

    letters: Automaton
    lexicon: Lexicon
    ngrams: WordNGrams
    unknown: int
    space: int
    end: int
    weight: float
    bonus: np.ndarray

    @property
    def start(self) -> int:
        """State of `letters` before a text."""
        return self.letters.start

    def initial_state(self, starts: np.ndarray) -> WordState:
        """See `Scorer`."""
        none = np.zeros_like(starts)
        nothing = none.astype(np.float32)
        first = np.tile(self.ngrams.start(), (*none.shape, 1))
        return WordState(starts, nothing, none, first, first, nothing)

    def extend(self, totals: np.ndarray, state: WordState) -> np.ndarray:
        """See `Scorer`."""
        gains = self.letters.scores[state.letter_state]
        known = self.lexicon.words[state.node] != self.unknown
        # A known word takes back the score of its letters.
        word = state.word_score - np.where(known, state.letter_score, 0.0)
        # The space belongs to the letters of a word; the end of a text does not.
        written = known & (state.node != ROOT)
        at_space = word - np.where(written, gains[..., self.space], 0.0)
        tokens = np.arange(gains.shape[-1])
        spaces, ends = tokens == self.space, tokens == self.end
        bonus = self.bonus[state.node]
        gains = gains + np.where(spaces, (at_space + bonus)[..., None], 0.0)
        gains = gains + np.where(ends, (word + bonus)[..., None], 0.0)
        return totals[..., None] + gains

    def follow(self, state: WordState, tokens: np.ndarray) -> WordState:
        """See `Scorer`."""
        gain = self.letters.scores[state.letter_state, tokens]
        node = self.lexicon.children[state.node, tokens]
        # At the end of a word its history moves on by that word.
        ended = (tokens == self.space) & (state.node != ROOT)
        history = np.where(ended[..., None], state.next_history, state.history)
        # The new node may be the end of a word: score it after its history.
        word = self.lexicon.words[node]
        flat = history.reshape(-1, history.shape[-1])
        probs, longer = self.ngrams.extend(flat, word.ravel())
        score = self.weight * np.log(np.maximum(probs, 1e-30)).reshape(word.shape)
        return WordState(
            letter_state=self.letters.follow(state.letter_state, tokens),
            letter_score=np.where(tokens == self.space, 0.0, state.letter_score + gain),
            node=node,
            history=history,
            next_history=longer.reshape(history.shape),
            word_score=np.where(node != ROOT, score, 0.0),
        )
