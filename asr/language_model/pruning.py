"""Entropy pruning: leaves out the n-grams whose loss changes a model least."""

from __future__ import annotations

import numpy as np

from asr.language_model.ngrams import Level, NGrams, key_rows

_TINY = 1e-30


def prune(ngrams: NGrams, most: int) -> NGrams:
    """Keep the n-grams that matter most.

    An n-gram that is left out gives its discounted probability to the back-off weight
    of its context, so that all probabilities still sum to 1. A context without
    n-grams goes as well: its probabilities are those of the shorter one.

    Args:
        ngrams: N-grams of words.
        most: Maximum number of n-grams after all contexts together.

    Reference:
        A. Stolcke, Entropy-based Pruning of Backoff Language Models, DARPA Broadcast
        News Workshop 1998: equations 6 to 9, here for interpolated n-grams,
        where words that were seen after the context gain as well.
    """
    if sum(len(level.grams) for level in ngrams.levels) <= most:
        return ngrams
    losses = [_losses(ngrams, size) for size in range(1, 1 + len(ngrams.levels))]
    every = np.concatenate(losses)
    least = np.partition(every, len(every) - most)[len(every) - most]
    vocabulary, levels = len(ngrams.unigrams), list[Level]()
    needed = np.zeros(0, np.int64)  # contexts, and n-grams that lead to longer ones
    for level, loss in reversed([*zip(ngrams.levels, losses, strict=True)]):
        kept = (loss >= least) | (key_rows(level.grams, needed) > 0)
        rows = np.searchsorted(level.contexts, level.grams // vocabulary)
        discounted = np.exp(level.discounted.astype(np.float64))
        weights = np.exp(level.backoffs.astype(np.float64))
        weights += np.bincount(rows[~kept], discounted[~kept], len(weights))
        inside = np.bincount(rows[kept], minlength=len(weights)) > 0
        inside |= key_rows(level.contexts, needed) > 0
        inside |= level.contexts == ngrams.start
        levels.insert(
            0,
            Level(
                level.contexts[inside],
                np.log(np.minimum(weights[inside], 1)).astype(np.float32),
                level.grams[kept],
                level.discounted[kept],
            ),
        )
        # Both ends of a context are contexts themselves; see `NGrams.check`.
        contexts, size = level.contexts[inside], len(ngrams.levels) - len(levels)
        ends = contexts // vocabulary, contexts % vocabulary**size
        needed = np.unique(np.concatenate([*ends, contexts])) if size else contexts
    return ngrams._replace(levels=tuple(levels))


def _losses(ngrams: NGrams, size: int) -> np.ndarray:
    """Return the relative entropy that the loss of each n-gram costs, (G,).

    Args:
        ngrams: The model.
        size: Words of the contexts.
    """
    level, vocabulary = ngrams.levels[size - 1], len(ngrams.unigrams)
    before, words = np.divmod(level.grams, vocabulary)
    rows = np.searchsorted(level.contexts, before)
    discounted = np.exp(level.discounted.astype(np.float64))
    weights = np.exp(level.backoffs.astype(np.float64))
    tails = before % vocabulary ** (size - 1)
    shorter = ngrams.probabilities(size - 1, tails, words)
    probs = discounted + weights[rows] * shorter
    after = weights[rows] + discounted  # back-off weight without the n-gram
    seen = np.minimum(np.bincount(rows, shorter, len(weights)), 1)
    own = probs * np.log(probs / np.maximum(after * shorter, _TINY))
    # All other words gain: the unseen ones a factor, the seen ones a summand.
    unseen = (weights * (1 - seen))[rows] * np.log(weights[rows] / after)
    summand = discounted * np.maximum(seen[rows] - shorter, 0)
    return _context_probabilities(ngrams, size)[rows] * (own + unseen - summand)


def _context_probabilities(ngrams: NGrams, size: int) -> np.ndarray:
    """Return the probability of each context of `size` words, (C,)."""
    vocabulary, keys = len(ngrams.unigrams), ngrams.levels[size - 1].contexts
    probs = np.ones(len(keys))
    for length in range(size):
        prefix = keys // vocabulary ** (size - 1 - length)
        context, word = np.divmod(prefix, vocabulary)
        own = ngrams.probabilities(length, context, word)
        # Texts begin with the start, about once in twenty words.
        probs *= np.where((word == ngrams.start) & (length == 0), 0.05, own)
    return probs
