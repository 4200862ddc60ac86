"""What adds to the score of a token in a search, given what was written before it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple, Protocol

import keras
import numpy as np
from keras import ops

from asr.arrays import Tensor
from asr.decoding.prefix_tree import ROOT, Lexicon


class Scorer(Protocol):
    """An automaton in tensors.

    The leaves of its state are (B, K): one place for each hypothesis.
    """

    def begin(self, starts: Tensor) -> Any:
        """Return the state in which texts begin; starts: (B, K) int32."""

    def scores(self, state: Any) -> Tensor:
        """Return what each token adds, (B, K, V)."""

    def follow(self, state: Any, tokens: Tensor) -> Any:
        """Return the state after tokens, (B, K) int32."""


class TableScorer(NamedTuple):
    """A finite automaton; its state is a row.

    Attributes:
        gains: What each token adds in each row, (S, V) float32.
        following: Row after each token, (S, V) int32.
    """

    gains: Tensor
    following: Tensor

    def begin(self, starts: Tensor) -> Tensor:
        """See `Scorer`."""
        return starts

    def scores(self, state: Tensor) -> Tensor:
        """See `Scorer`."""
        return ops.take(self.gains, state, axis=0)

    def follow(self, state: Tensor, tokens: Tensor) -> Tensor:
        """See `Scorer`."""
        return entry(self.following, state, tokens)


class WordRows(NamedTuple):
    """Probabilities of words after histories of one length, in arrays or tensors.

    There is a row for each history; row 0 stands for those that are not known.

    Attributes:
        starts: First entry of each row, and after the last one its end, (R + 1,) int32.
        passed: Share of the shorter history's distribution, (R,) float32; 1 in row 0.
        words: Words of the entries, sorted within a row, and one more, (G + 1,) int32.
        kept: Probability that each entry has beside that share, (G + 1,) float32.
        longer: Row of the history that the entry's word makes longer, (G + 1,) int32.
        rounds: Halvings that find a word in the longest row.
    """

    starts: Tensor
    passed: Tensor
    words: Tensor
    kept: Tensor
    longer: Tensor
    rounds: int

    def find(
        self, rows: Tensor, words: Tensor, shorter: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Look words up.

        Args:
            rows: Row of each history.
            words: Word after it.
            shorter: Its probability after the shorter history.

        Returns:
            Probabilities, and the row of each longer history.
        """
        low = ops.take(self.starts, rows)
        end = ops.take(self.starts, rows + 1)
        high = end
        for _ in range(self.rounds):
            middle = (low + high) // 2
            below = (low < high) & (ops.take(self.words, middle) < words)
            low = ops.where(below, middle + 1, low)
            high = ops.where(below, high, ops.minimum(high, middle))
        found = (low < end) & (ops.take(self.words, low) == words)
        kept = ops.where(found, ops.take(self.kept, low), 0.0)
        longer = ops.where(found, ops.take(self.longer, low), 0)
        return kept + ops.take(self.passed, rows) * shorter, longer


class WordState(NamedTuple):
    """Where a hypothesis is, (B, K) each.

    Attributes:
        place: Row of the letters' automaton.
        spent: What the letters of the word so far have added.
        node: Node of the lexicon.
        last: Row of the word before.
        history: Row of the two words before.
        longer: Row of the word before and this one, should it end here.
        closing: Weighted log probability of this word, should it end here.
    """

    place: Tensor
    spent: Tensor
    node: Tensor
    last: Tensor
    history: Tensor
    longer: Tensor
    closing: Tensor


class WordScorer(NamedTuple):
    """Letters predicted one by one until a word ends, and then the word as a whole.

    At the end of a word that the lexicon knows, what its letters have added gives way
    to the log probability of the word; an unknown word keeps it, and adds that of
    meeting one.

    Attributes, in arrays until `guide` makes tensors of them:
        letters: Automaton of the weighted log probabilities of letters.
        lexicon: The words.
        unigrams: Probability of each word, (W,) float32.
        rows: Row in `bigrams` of each word, (W,) int32.
        bigrams: Words after one word.
        trigrams: Words after two.
        start: Row of `letters` in which a text begins.
        first: Word before it.
        unknown: Stands for all words that the lexicon lacks.
        space: Token between words.
        end: Token after a text.
        weight: Factor of natural log probabilities.
        bonus: What a word adds that ends at each node of the lexicon, (N,) float32.

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

    def guide(self, table: Callable[[np.ndarray], Tensor]) -> WordScorer:
        """Return it in tensors, each of which `table` makes of an array."""
        return keras.tree.map_structure(
            lambda leaf: table(leaf) if isinstance(leaf, np.ndarray) else leaf, self
        )

    def begin(self, starts: Tensor) -> WordState:
        """See `Scorer`."""
        none = ops.zeros_like(starts)
        nothing = ops.cast(none, "float32")
        last = ops.take(self.rows, none + self.first)
        return WordState(starts, nothing, none, last, none, none, nothing)

    def scores(self, state: WordState) -> Tensor:
        """See `Scorer`."""
        gains = self.letters.scores(state.place)
        known = ops.take(self.lexicon.words, state.node) != self.unknown
        closing = state.closing - ops.where(known, state.spent, 0.0)
        # The space belongs to the letters of a word; the end of a text does not.
        written = known & (state.node != ROOT)
        at_space = closing - ops.where(written, gains[..., self.space], 0.0)
        tokens = ops.arange(gains.shape[-1], dtype="int32")
        spaces, ends = tokens == self.space, tokens == self.end
        bonus = ops.take(self.bonus, state.node)
        gains = gains + ops.where(spaces, (at_space + bonus)[..., None], 0.0)
        return gains + ops.where(ends, (closing + bonus)[..., None], 0.0)

    def follow(self, state: WordState, tokens: Tensor) -> WordState:
        """See `Scorer`."""
        spent = state.spent + entry(self.letters.gains, state.place, tokens)
        node = entry(self.lexicon.children, state.node, tokens)
        ended = (tokens == self.space) & (state.node != ROOT)
        word = ops.take(self.lexicon.words, state.node)
        last = ops.where(ended, ops.take(self.rows, word), state.last)
        history = ops.where(ended, state.longer, state.history)
        word = ops.take(self.lexicon.words, node)
        shorter = ops.take(self.unigrams, word)
        shorter, longer = self.bigrams.find(last, word, shorter)
        probability, _ = self.trigrams.find(history, word, shorter)
        written = node != ROOT
        closing = self.weight * ops.log(ops.maximum(probability, 1e-30))
        return WordState(
            place=self.letters.follow(state.place, tokens),
            spent=ops.where(tokens == self.space, 0.0, spent),
            node=node,
            last=last,
            history=history,
            longer=longer,
            closing=ops.where(written, closing, 0.0),
        )


def entry(table: Tensor, rows: Tensor, columns: Tensor) -> Tensor:
    """Return table[row, column] of each pair."""
    width = table.shape[1]
    return ops.take(ops.reshape(table, (-1,)), rows * width + columns)
