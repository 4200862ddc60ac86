"""Scorers that take part in beam search beside the decoder."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple, Protocol

import keras
import numpy as np
from keras import ops

from asr.arrays import Tensor
from asr.decoding.prefix_tree import ROOT, Lexicon

# Log probability of the impossible: finite, so that differences stay numbers.
NEVER = -1e9


class Scorer(Protocol):
    """Scores the tokens of hypotheses: a language model, hotwords, a prefix, CTC.

    The leaves of its state begin with (B, K), so that beam search can reorder them. The
    search keeps the total score of each hypothesis, and passes it in.
    """

    def initial_state(self, starts: Tensor) -> Any:
        """Return the state before the first token; starts: (B, K) int32."""

    def extend(self, totals: Tensor, state: Any) -> Tensor:
        """Return total scores with each next token, (B, K, V); totals: (B, K)."""

    def follow(self, state: Any, tokens: Tensor) -> Any:
        """Return the state after tokens, (B, K) int32."""


class TableScorer(NamedTuple):
    """A finite automaton in tensors; its state is a row.

    Attributes:
        gains: Score of each token in each row, (S, V) float32.
        following: Row after each token, (S, V) int32.
    """

    gains: Tensor
    following: Tensor

    def initial_state(self, starts: Tensor) -> Tensor:
        """See `Scorer`."""
        return starts

    def extend(self, totals: Tensor, state: Tensor) -> Tensor:
        """See `Scorer`."""
        return totals[..., None] + ops.take(self.gains, state, axis=0)

    def follow(self, state: Tensor, tokens: Tensor) -> Tensor:
        """See `Scorer`."""
        return _entries(self.following, state, tokens)


class WordRows(NamedTuple):
    """Sparse probabilities of words after histories of one length; arrays or tensors.

    Each history has a row; row 0 stands for unknown histories.

    Attributes:
        starts: First entry of each row, and the end of the last one, (R + 1,) int32.
        backoffs: Weight of the shorter history, (R,) float32; 1 in row 0.
        words: Words of the entries, sorted within a row, and one more, (G + 1,) int32.
        discounted: Discounted probability of each entry, (G + 1,) float32.
        longer: Row of each entry's history and word together, (G + 1,) int32.
        rounds: Steps of a binary search in the longest row.
    """

    starts: Tensor
    backoffs: Tensor
    words: Tensor
    discounted: Tensor
    longer: Tensor
    rounds: int

    def find(
        self, rows: Tensor, words: Tensor, shorter: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Look up the probabilities of words.

        Args:
            rows: Row of each history.
            words: Word after each history.
            shorter: Probability of each word after the shorter history.

        Returns:
            Probabilities, and the row of each history that the word makes longer.
        """
        low = ops.take(self.starts, rows)
        end = ops.take(self.starts, rows + 1)
        high = end
        for _ in range(self.rounds):
            middle = (low + high) // 2
            below = (low < high) & (ops.take(self.words, middle) < words)
            low = ops.where(below, middle + 1, low)
            high = ops.where(below, high, ops.minimum(high, middle))
        seen = (low < end) & (ops.take(self.words, low) == words)
        discounted = ops.where(seen, ops.take(self.discounted, low), 0.0)
        longer = ops.where(seen, ops.take(self.longer, low), 0)
        return discounted + ops.take(self.backoffs, rows) * shorter, longer


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

    letter_state: Tensor
    letter_score: Tensor
    node: Tensor
    previous_word: Tensor
    bigram_history: Tensor
    next_history: Tensor
    word_score: Tensor


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

    Attributes, in arrays until `scorer` makes tensors of them:
        letters: Automaton of the weighted log probabilities of letters.
        lexicon: Prefix tree of the words.
        unigrams: Probability of each word, (W,) float32.
        rows: Row in `bigrams` of each word, (W,) int32.
        bigrams: Words after one word.
        trigrams: Words after two words.
        start: Row of `letters` before a text.
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

    letters: TableScorer
    lexicon: Lexicon
    unigrams: Tensor
    rows: Tensor
    bigrams: WordRows
    trigrams: WordRows
    start: int
    first: int
    unknown: int
    space: int
    end: int
    weight: float
    bonus: Tensor

    def scorer(self, table: Callable[[np.ndarray], Tensor]) -> WordScorer:
        """Return the same scorer in tensors; `table` makes one of each array."""
        return keras.tree.map_structure(
            lambda leaf: table(leaf) if isinstance(leaf, np.ndarray) else leaf, self
        )

    def initial_state(self, starts: Tensor) -> WordState:
        """See `Scorer`."""
        none = ops.zeros_like(starts)
        nothing = ops.cast(none, "float32")
        first = ops.take(self.rows, none + self.first)
        return WordState(starts, nothing, none, first, none, none, nothing)

    def extend(self, totals: Tensor, state: WordState) -> Tensor:
        """See `Scorer`."""
        gains = ops.take(self.letters.gains, state.letter_state, axis=0)
        known = ops.take(self.lexicon.words, state.node) != self.unknown
        # A known word takes back the score of its letters.
        word = state.word_score - ops.where(known, state.letter_score, 0.0)
        # The space belongs to the letters of a word; the end of a text does not.
        written = known & (state.node != ROOT)
        at_space = word - ops.where(written, gains[..., self.space], 0.0)
        tokens = ops.arange(gains.shape[-1], dtype="int32")
        spaces, ends = tokens == self.space, tokens == self.end
        bonus = ops.take(self.bonus, state.node)
        gains = gains + ops.where(spaces, (at_space + bonus)[..., None], 0.0)
        gains = gains + ops.where(ends, (word + bonus)[..., None], 0.0)
        return totals[..., None] + gains

    def follow(self, state: WordState, tokens: Tensor) -> WordState:
        """See `Scorer`."""
        gain = _entries(self.letters.gains, state.letter_state, tokens)
        node = _entries(self.lexicon.children, state.node, tokens)
        # At the end of a word its history moves on by that word.
        ended = (tokens == self.space) & (state.node != ROOT)
        word = ops.take(self.lexicon.words, state.node)
        previous = ops.where(ended, ops.take(self.rows, word), state.previous_word)
        history = ops.where(ended, state.next_history, state.bigram_history)
        # The new node may be the end of a word: score it after its history.
        word = ops.take(self.lexicon.words, node)
        probability = ops.take(self.unigrams, word)
        probability, longer = self.bigrams.find(previous, word, probability)
        probability, _ = self.trigrams.find(history, word, probability)
        score = self.weight * ops.log(ops.maximum(probability, 1e-30))
        return WordState(
            letter_state=self.letters.follow(state.letter_state, tokens),
            letter_score=ops.where(
                tokens == self.space, 0.0, state.letter_score + gain
            ),
            node=node,
            previous_word=previous,
            bigram_history=history,
            next_history=longer,
            word_score=ops.where(node != ROOT, score, 0.0),
        )


def _entries(table: Tensor, rows: Tensor, columns: Tensor) -> Tensor:
    """Return table[row, column] of each pair."""
    width = table.shape[1]
    return ops.take(ops.reshape(table, (-1,)), rows * width + columns)
