"""Tables of n-grams that a search looks up: automata and tries."""

from __future__ import annotations

from itertools import zip_longest

import numpy as np

from asr.decoding.scorers import Automaton
from asr.decoding.word_ngrams import (
    WordLevel,
    WordNGrams,
    each_context,
    packed,
    quantised,
    words_of,
)
from asr.errors import DataError
from asr.language_model.ngrams import Level, NGrams

_TINY = 1e-30
_LARGEST = 250_000_000  # probabilities of an automaton: 2 GB with its transitions


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


def word_ngrams(ngrams: NGrams) -> WordNGrams:
    """Return n-grams as a trie for the search, with quantised probabilities."""
    vocabulary, keys, probs = len(ngrams.unigrams), [], []
    for level, longer in zip_longest(ngrams.levels, ngrams.levels[1:]):
        # A context that was not seen as an n-gram becomes an entry with probability 0.
        grams = np.union1d(level.grams, longer.contexts) if longer else level.grams
        prob = np.zeros(len(grams))
        prob[np.searchsorted(grams, level.grams)] = _exp(level.discounted)
        keys.append(grams)
        probs.append(prob)
    levels = []
    for size, level in enumerate(ngrams.levels):
        before = keys[size] // vocabulary
        backoffs = _exp(level.backoffs)
        if size:
            contexts = np.searchsorted(keys[size - 1], level.contexts)
            begin = np.searchsorted(before, level.contexts)
        else:
            contexts = np.zeros(0, np.int64)
            begin = np.searchsorted(before, np.arange(vocabulary))
            dense = np.ones(vocabulary)
            dense[level.contexts] = backoffs
            backoffs = dense
        backoff_codes, weights = quantised(backoffs)
        codes, discounted = quantised(probs[size])
        levels.append(
            WordLevel(
                contexts=contexts.astype(np.uint32),
                begin=np.append(begin, len(keys[size])).astype(np.uint32),
                backoffs=backoff_codes,
                entries=packed(keys[size] % vocabulary, codes),
                weights=weights,
                discounted=discounted,
            )
        )
    return WordNGrams(ngrams.unigrams, tuple(levels), ngrams.start)


def unpacked(words: WordNGrams) -> NGrams:
    """Return the n-grams of a trie."""
    size, levels = len(words.unigrams), []
    contexts = np.arange(size)
    for order, (level, before) in enumerate(
        zip(words.levels, each_context(words.levels), strict=True), start=1
    ):
        keys = before @ size ** np.arange(order, dtype=np.int64)[::-1]
        keys = keys * size + words_of(level.entries)
        probs = level.discounted[level.entries & (len(level.discounted) - 1)]
        kept = probs > 0
        logs = np.log(level.weights[level.backoffs]), np.log(probs[kept])
        levels.append(Level(contexts, logs[0], keys[kept], logs[1]))
        if order < len(words.levels):
            contexts = keys[words.levels[order].contexts]
    return NGrams(words.unigrams, tuple(levels), words.first)


def _exp(logs: np.ndarray) -> np.ndarray:
    return np.exp(logs.astype(np.float64))
