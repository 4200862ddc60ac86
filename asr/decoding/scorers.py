"""Scorers that take part in beam search beside the decoder."""

from __future__ import annotations

from typing import Any, NamedTuple, Protocol

import numpy as np

from asr.decoding.prefix_tree import ROOT, Lexicon

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


class WordRows(NamedTuple):
    """Sparse probabilities of words after histories of one length.

    Each history has a row; row 0 stands for unknown histories.

    Attributes:
        starts: First entry of each row, and the end of the last one, (R + 1,) int32.
        backoffs: Weight of the shorter history, (R,) float32; 1 in row 0.
        words: Words of the entries, sorted within a row, and one more, (G + 1,) int32.
        discounted: Discounted probability of each entry, (G + 1,) float32.
        longer: Row of each entry's history and word together, (G + 1,) int32.
        rounds: Steps of a binary search in the longest row.
    """

    starts: np.ndarray
    backoffs: np.ndarray
    words: np.ndarray
    discounted: np.ndarray
    longer: np.ndarray
    rounds: int

    def find(
        self, rows: np.ndarray, words: np.ndarray, shorter: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Look up the probabilities of words.

        Args:
            rows: Row of each history.
            words: Word after each history.
            shorter: Probability of each word after the shorter history.

        Returns:
            Probabilities, and the row of each history that the word makes longer.
        """
        low = self.starts[rows]
        end = self.starts[rows + 1]
        high = end
        for _ in range(self.rounds):
            middle = (low + high) // 2
            below = (low < high) & (self.words[middle] < words)
            low = np.where(below, middle + 1, low)
            high = np.where(below, high, np.minimum(high, middle))
        seen = (low < end) & (self.words[low] == words)
        discounted = np.where(seen, self.discounted[low], 0.0)
        longer = np.where(seen, self.longer[low], 0)
        return discounted + self.backoffs[rows] * shorter, longer


class WordState(NamedTuple):
    """State of a `WordScorer`, (B, K) each.

    Attributes:
        letter_state: Row of the letters' automaton.
        letter_score: Score of the letters of the current word.
        node: Node of the current word in the lexicon.
        previous_word: Row in `bigrams` of the last complete word.
        bigram_history: Row in `trigrams` of the last two complete words.
        next_history: Row in `trigrams` of the last and the current word.
        word_score: Weighted log probability of the current word, if it ended here.
    """

    letter_state: np.ndarray
    letter_score: np.ndarray
    node: np.ndarray
    previous_word: np.ndarray
    bigram_history: np.ndarray
    next_history: np.ndarray
    word_score: np.ndarray


class WordScorer(NamedTuple):
    """Character n-grams inside a word, word n-grams at its end.

    At the end of a word of the lexicon, the log probability of the word replaces the
    score of its letters. An unknown word keeps the score of its letters, and adds the
    log probability of `unknown`.

    Example: "THE CAT " with weight 1. After "THE CA", `letter_score` is
    log p(C | "THE ") + log p(A | "THE C") = -5, and `previous_word` stands for THE. The
    letter T adds its own -1, so that `letter_score` is -6, `node` is that of CAT, and
    `word_score` is log p(CAT | <s> THE) = -4. The space then adds -4 - (-6) = +2: the
    three letters and the space cost -4 together.

    Attributes:
        letters: Automaton of the weighted log probabilities of letters.
        lexicon: Prefix tree of the words.
        unigrams: Probability of each word, (W,) float32.
        rows: Row in `bigrams` of each word, (W,) int32.
        bigrams: Words after one word.
        trigrams: Words after two words.
        first: Word before a text.
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
    unigrams: np.ndarray
    rows: np.ndarray
    bigrams: WordRows
    trigrams: WordRows
    first: int
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
        first = self.rows[none + self.first]
        return WordState(starts, nothing, none, first, none, none, nothing)

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
        word = self.lexicon.words[state.node]
        previous = np.where(ended, self.rows[word], state.previous_word)
        history = np.where(ended, state.next_history, state.bigram_history)
        # The new node may be the end of a word: score it after its history.
        word = self.lexicon.words[node]
        probability = self.unigrams[word]
        probability, longer = self.bigrams.find(previous, word, probability)
        probability, _ = self.trigrams.find(history, word, probability)
        score = self.weight * np.log(np.maximum(probability, 1e-30))
        return WordState(
            letter_state=self.letters.follow(state.letter_state, tokens),
            letter_score=np.where(tokens == self.space, 0.0, state.letter_score + gain),
            node=node,
            previous_word=previous,
            bigram_history=history,
            next_history=longer,
            word_score=np.where(node != ROOT, score, 0.0),
        )
