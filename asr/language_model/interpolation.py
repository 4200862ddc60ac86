"""Interpolation of two n-gram models, with weights that depend on the context."""

from __future__ import annotations

import numpy as np

from asr.language_model.ngrams import Level, NGrams

_LEAST_BACKOFF = 1e-6
_LEAST_DISCOUNTED = 1e-3  # of a probability; below it the shorter context suffices


def interpolate(common: NGrams, domain: NGrams, share: float) -> NGrams:
    """Mix the n-grams of a domain in, each context by how well each model predicts it.

    A fixed mixture makes every word of the domain expensive anew. Here the context sets
    the weights: after "T H" a model of spelled letters has nearly all the weight, after
    "of the" hardly any. The result is an n-gram model as any other.

    Args:
        common: N-grams of most texts.
        domain: N-grams of the same tokens and the same start.
        share: Prior probability of the domain, between 0 and 1.

    Reference:
        A. Stolcke, SRILM - An Extensible Language Modeling Toolkit, ICSLP 2002: the
        option `-bayes 2` of its program `ngram`, there without merging.
    """
    models, vocabulary = (common, domain), len(common.unigrams)
    mixture = NGrams(
        ((1 - share) * common.unigrams + share * domain.unigrams).astype(np.float32),
        (),
        common.start,
    )
    contexts = np.zeros(1, np.int64)
    log_weights = np.log([[1 - share, share]])
    for size in range(1, 1 + max(len(model.levels) for model in models)):
        levels = [
            model.levels[size - 1] for model in models if len(model.levels) >= size
        ]
        shorter, shorter_weights = contexts, log_weights
        contexts = np.unique(np.concatenate([level.contexts for level in levels]))
        before, last = np.divmod(contexts, vocabulary)
        probs = [model.probabilities(size - 1, before, last) for model in models]
        predicted = np.maximum(np.stack(probs, axis=1), 1e-30)
        predicted[contexts == common.start] = 1.0  # all texts begin with it
        rows = np.searchsorted(shorter, before)
        log_weights = shorter_weights[rows] + np.log(predicted)
        grams = np.unique(np.concatenate([level.grams for level in levels]))
        weights = _posteriors(log_weights)
        level = _level(mixture, models, size, contexts, weights, grams)
        mixture = mixture._replace(levels=(*mixture.levels, level))
    return mixture


def _posteriors(log_weights: np.ndarray) -> np.ndarray:
    """Return the probability of each model, from logs up to a constant."""
    weights = np.exp(log_weights - log_weights.max(axis=1, keepdims=True))
    return weights / weights.sum(axis=1, keepdims=True)


def _level(
    mixture: NGrams,
    models: tuple[NGrams, NGrams],
    size: int,
    contexts: np.ndarray,
    weights: np.ndarray,
    grams: np.ndarray,
) -> Level:
    """Return the n-grams of the mixture after contexts of one length.

    Args:
        mixture: Its n-grams after shorter contexts.
        models: The models to mix.
        size: Tokens of a context.
        contexts: Contexts of both models, sorted, (C,).
        weights: Weight of each model after each context, (C, 2).
        grams: N-grams of either model, sorted, (G,).
    """
    before, tokens = np.divmod(grams, len(mixture.unigrams))
    rows, count = np.searchsorted(contexts, before), len(contexts)
    probs = [model.probabilities(size, before, tokens) for model in models]
    wanted = (weights[rows] * np.stack(probs, axis=1)).sum(axis=1)
    tails = before % len(mixture.unigrams) ** (size - 1)
    shorter = mixture.probabilities(size - 1, tails, tokens)
    # Tokens not seen after a context share the rest as after the shorter context.
    left = 1 - np.bincount(rows, wanted, count)
    backoffs = left / np.maximum(1 - np.bincount(rows, shorter, count), 1e-9)
    backoffs = np.clip(backoffs, _LEAST_BACKOFF, 1)
    discounted = wanted - backoffs[rows] * shorter
    needed = discounted > _LEAST_DISCOUNTED * wanted
    rows, discounted = rows[needed], discounted[needed]
    totals = np.bincount(rows, discounted, count) + backoffs
    return Level(
        contexts=contexts,
        backoffs=np.log(backoffs / totals).astype(np.float16),
        grams=grams[needed],
        discounted=np.log(discounted / totals[rows]).astype(np.float16),
    )
