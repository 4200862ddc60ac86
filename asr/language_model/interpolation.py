"""Two n-gram models made one, which turns to the one that fits what was said."""

from __future__ import annotations

import numpy as np

from asr.language_model.ngrams import Level, NGrams

_LEAST_PASSED = 1e-6  # what a context leaves to the shorter one
_LEAST_KEPT = 1e-3  # of a probability, or the shorter context says nearly the same


def mixed(common: NGrams, domain: NGrams, share: float) -> NGrams:
    """Mix the n-grams of a domain in, each context by how well each model predicted it.

    A fixed mixture pays for every word of the domain anew. Here the context tells:
    after "T H" a model of spelled letters has nearly all the weight, and hardly any
    after "of the". The mixture is again a model that a search looks up as any other.

    Args:
        common: What most texts are.
        domain: N-grams of the same tokens and the same start.
        share: Probability of the domain before anything was said, between 0 and 1.

    Reference:
        A. Stolcke, SRILM - An Extensible Language Modeling Toolkit, ICSLP 2002: the
        option `-bayes 2` of its program `ngram`, there without merging.
    """
    models, vocabulary = (common, domain), len(common.unigrams)
    found = NGrams(
        ((1 - share) * common.unigrams + share * domain.unigrams).astype(np.float32),
        (),
        common.start,
    )
    contexts = np.zeros(1, np.int64)
    beliefs = np.log([[1 - share, share]])
    for size in range(1, 1 + max(len(model.levels) for model in models)):
        levels = [
            model.levels[size - 1] for model in models if len(model.levels) >= size
        ]
        shorter, shorter_beliefs = contexts, beliefs
        contexts = np.unique(np.concatenate([level.contexts for level in levels]))
        before, last = np.divmod(contexts, vocabulary)
        chances = [model.probabilities(size - 1, before, last) for model in models]
        predicted = np.maximum(np.stack(chances, axis=1), 1e-30)
        predicted[contexts == common.start] = 1.0  # all texts begin with it
        beliefs = shorter_beliefs[np.searchsorted(shorter, before)] + np.log(predicted)
        grams = np.unique(np.concatenate([level.grams for level in levels]))
        level = _level(found, models, size, contexts, _shares(beliefs), grams)
        found = found._replace(levels=(*found.levels, level))
    return found


def _shares(beliefs: np.ndarray) -> np.ndarray:
    """Return the probability of each model, from logs that lack a common summand."""
    shares = np.exp(beliefs - beliefs.max(axis=1, keepdims=True))
    return shares / shares.sum(axis=1, keepdims=True)


def _level(
    found: NGrams,
    models: tuple[NGrams, NGrams],
    size: int,
    contexts: np.ndarray,
    shares: np.ndarray,
    grams: np.ndarray,
) -> Level:
    """Return what the mixture knows after contexts of one length.

    Args:
        found: What it knows after shorter ones.
        models: What is mixed.
        size: Tokens of a context.
        contexts: Those of both models, sorted, (C,).
        shares: Of each model after each, (C, 2).
        grams: What either model has seen after them, sorted, (G,).
    """
    before, tokens = np.divmod(grams, len(found.unigrams))
    places, count = np.searchsorted(contexts, before), len(contexts)
    chances = [model.probabilities(size, before, tokens) for model in models]
    wanted = (shares[places] * np.stack(chances, axis=1)).sum(axis=1)
    tails = before % len(found.unigrams) ** (size - 1)
    shorter = found.probabilities(size - 1, tails, tokens)
    # What was not seen after a context shares what is left as after the shorter one.
    left = 1 - np.bincount(places, wanted, count)
    passed = left / np.maximum(1 - np.bincount(places, shorter, count), 1e-9)
    passed = np.clip(passed, _LEAST_PASSED, 1)
    kept = wanted - passed[places] * shorter
    told = kept > _LEAST_KEPT * wanted
    places, kept = places[told], kept[told]
    totals = np.bincount(places, kept, count) + passed
    return Level(
        contexts=contexts,
        passed=np.log(passed / totals).astype(np.float16),
        grams=grams[told],
        kept=np.log(kept / totals[places]).astype(np.float16),
    )
