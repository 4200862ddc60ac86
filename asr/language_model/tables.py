"""Tables of n-grams that a search looks up: automata and sparse rows."""

from __future__ import annotations

import numpy as np

from asr.decoding.scorers import Automaton, WordRows
from asr.errors import DataError
from asr.language_model.ngrams import Level, NGrams, key_rows

_TINY = 1e-30
_LARGEST = 250_000_000  # probabilities of an automaton: 2 GB with its transitions
_EMPTY = Level(*(np.zeros(0, kind) for kind in (int, "f2", int, "f2")))


def check_size(ngrams: NGrams) -> None:
    """Check that an automaton of n-grams fits into memory.

    Raises:
        DataError: It does not.
    """
    vocabulary = len(ngrams.unigrams)
    contexts = sum(len(level.contexts) for level in ngrams.levels)
    if contexts * vocabulary > _LARGEST:
        raise DataError(f"{contexts} contexts of {vocabulary} tokens are too many")


def ngram_automaton(ngrams: NGrams) -> Automaton:
    """Return an automaton with a state for each context, from the empty one on.

    Two gathers then look a token up inside the graph of a search.

    Returns:
        An automaton whose scores are natural log probabilities.
    """
    vocabulary = len(ngrams.unigrams)
    probs = ngrams.unigrams[None].astype(np.float32)
    table = np.zeros((1, vocabulary), np.int32)
    # Contexts of the length before, and the state of the first of them.
    keys, base = np.zeros(1, np.int64), 0
    for size, level in enumerate(ngrams.levels, start=1):
        states = len(probs) + np.arange(len(level.contexts), dtype=np.int32)
        # The last token of a context leads from its other tokens to it. A token that
        # leads to no longer context leads where it leads from the shorter context.
        parents = base + np.searchsorted(keys, level.contexts // vocabulary)
        table[parents, level.contexts % vocabulary] = states
        tails = level.contexts % vocabulary ** (size - 1)
        shorter = base + np.searchsorted(keys, tails)
        backoffs = np.exp(level.backoffs.astype(np.float32))
        rows = probs[shorter] * backoffs[:, None]
        index = np.searchsorted(level.contexts, level.grams // vocabulary)
        discounted = np.exp(level.discounted.astype(np.float32))
        rows[index, level.grams % vocabulary] += discounted
        rows /= rows.sum(axis=1, keepdims=True)
        probs = np.concatenate([probs, rows])
        table = np.concatenate([table, table[shorter]])
        keys, base = level.contexts, len(probs) - len(rows)
    return Automaton(
        scores=np.log(np.maximum(probs, _TINY)),
        following=table,
        start=int(table[0, ngrams.start]),
    )


def first_rows(ngrams: NGrams) -> np.ndarray:
    """Return the row in `word_rows(ngrams, 1)` of each token, (V,) int32."""
    rows = np.zeros(len(ngrams.unigrams), np.int32)
    contexts = ngrams.levels[0].contexts
    rows[contexts] = 1 + np.arange(len(contexts))
    return rows


def word_rows(ngrams: NGrams, size: int) -> WordRows:
    """Return the n-grams after contexts of `size` tokens; row 0 is empty."""
    vocabulary = len(ngrams.unigrams)
    level, longer = (
        ngrams.levels[at] if at < len(ngrams.levels) else _EMPTY
        for at in (size - 1, size)
    )
    counts = np.searchsorted(level.grams // vocabulary, level.contexts)
    above = np.append(key_rows(level.grams, longer.contexts), 0)
    starts = np.concatenate([[0], counts, [len(level.grams)]]).astype(np.int32)
    discounted = np.exp(level.discounted.astype(np.float32))
    return WordRows(
        starts=starts,
        backoffs=np.exp(np.append(0.0, level.backoffs)).astype(np.float32),
        words=np.append(level.grams % vocabulary, 0).astype(np.int32),
        discounted=np.append(discounted, np.float32(0.0)),
        longer=above.astype(np.int32),
        rounds=int(np.diff(starts).max()).bit_length(),
    )
