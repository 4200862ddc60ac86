"""CTC prefix scores against the enumeration of all paths."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest

from asr.decoding.ctc_prefix import CTCPrefixScorer, PrefixState, pad_frames
from asr.decoding.scorers import NEVER

VOCABULARY, END = 5, 2


def log_probs_of(seed, batch, frames):
    logits = np.random.default_rng(seed).normal(size=(batch, frames, VOCABULARY)) * 2
    return (logits - np.log(np.exp(logits).sum(-1, keepdims=True))).astype("float32")


def outputs_of(log_probs):
    """Probability of every output of CTC, by enumeration of all paths."""
    found = {}
    for path in itertools.product(range(VOCABULARY), repeat=len(log_probs)):
        output = tuple(symbol for symbol, _ in itertools.groupby(path) if symbol)
        score = math.exp(sum(log_probs[t, symbol] for t, symbol in enumerate(path)))
        found[output] = found.get(output, 0.0) + score
    return found


def log_begins(outputs, prefix):
    total = sum(p for o, p in outputs.items() if o[: len(prefix)] == prefix)
    return math.log(total) if total else -math.inf


def log_is(outputs, prefix):
    return math.log(outputs[prefix]) if prefix in outputs else -math.inf


def state_of(log_probs, prefixes):
    """State of one prefix of each utterance, all of one length."""
    scorer = CTCPrefixScorer(log_probs, END)
    state = scorer.initial_state(np.zeros((len(prefixes), 1), "int32"))
    for tokens in zip(*prefixes, strict=True):
        state = scorer.follow(state, np.array(tokens, "int32")[:, None])
    return state


def extended(state, log_probs, end=END):
    """Scores of all extensions; the totals that beam search passes do not matter."""
    return CTCPrefixScorer(log_probs, end).extend(None, state)


def check(scores, outputs, prefix):
    """Compare one row of `CTCPrefixScorer.extend` with the enumeration."""
    scores = np.asarray(scores)
    assert scores[0] == NEVER
    for token in range(1, VOCABULARY):
        if token == END:
            expected = log_is(outputs, prefix)
        else:
            expected = log_begins(outputs, (*prefix, token))
        if expected == -math.inf:
            assert scores[token] <= 0.5 * NEVER, (prefix, token)
        else:
            assert scores[token] == pytest.approx(expected, abs=1e-4), (prefix, token)


@pytest.mark.parametrize(
    "prefix", [(), (1,), (3, 4), (3, 3), (4, 4, 4), (1, 3, 1), (3, 4, 3, 4, 1)]
)
def test_every_extension_of_a_prefix(prefix):
    log_probs = log_probs_of(0, 1, 5)
    state = state_of(log_probs, [prefix])
    scores = extended(state, log_probs)
    check(scores[0, 0], outputs_of(log_probs[0]), prefix)


def test_padded_frames_change_no_score():
    log_probs = log_probs_of(1, 2, 5)
    counts = np.array([3, 5])
    padded = pad_frames(log_probs, np.arange(5) < counts[:, None])
    prefixes = [(3, 4), (4, 4)]
    state = state_of(padded, prefixes)
    scores = extended(state, padded)
    for row, prefix in enumerate(prefixes):
        check(scores[row, 0], outputs_of(log_probs[row, : counts[row]]), prefix)


def test_a_beam_is_reordered():
    """Each new prefix follows its parent, whatever place that has in the beam."""
    log_probs = log_probs_of(2, 1, 4)
    outputs = outputs_of(log_probs[0])
    scorer = CTCPrefixScorer(log_probs, END)
    state = scorer.initial_state(np.zeros((1, 3), "int32"))
    steps = [((0, 0, 0), (3, 4, 1)), ((1, 1, 0), (3, 4, 3)), ((2, 0, 2), (3, 3, 4))]
    prefixes = [()] * 3
    for parents, tokens in steps:
        state = PrefixState(*(np.asarray(leaf)[:, list(parents)] for leaf in state))
        state = scorer.follow(state, np.array([tokens], "int32"))
        prefixes = [
            (*prefixes[p], token) for p, token in zip(parents, tokens, strict=True)
        ]
    assert prefixes == [(3, 3, 3), (4, 3, 3), (3, 3, 4)]
    scores = extended(state, log_probs)
    for place, prefix in enumerate(prefixes):
        check(scores[0, place], outputs, prefix)


def test_a_prefix_longer_than_the_frames_is_impossible():
    log_probs = log_probs_of(3, 1, 2)
    state = state_of(log_probs, [(3, 3)])  # needs three frames
    scores = np.asarray(extended(state, log_probs))
    assert (scores <= 0.5 * NEVER).all()
    scorer = CTCPrefixScorer(log_probs, END)
    state = scorer.follow(state, np.full((1, 1), 4, "int32"))
    assert np.isfinite(np.asarray(state.label)).all()
    assert np.isfinite(np.asarray(state.blank)).all()


def test_scores_of_an_extension_and_its_continuations_add_up():
    """p(prefix begins) = p(it is all) + sum of p(its extensions begin)."""
    log_probs = log_probs_of(4, 1, 40)
    prefix = (3, 4, 4, 1, 3)
    before = extended(state_of(log_probs, [prefix[:-1]]), log_probs, END)
    after = np.asarray(extended(state_of(log_probs, [prefix]), log_probs))[0, 0].astype(
        "float64"
    )
    # The end symbol is no label of CTC: paths through it belong to no hypothesis.
    with_end = extended(state_of(log_probs, [prefix]), log_probs, end=-1)
    total = np.logaddexp.reduce([*after, float(with_end[0, 0, END])])
    assert total == pytest.approx(float(before[0, 0, prefix[-1]]), abs=1e-3)


def test_confident_frames_lose_no_precision():
    """Long and nearly certain input: the usual case after training."""
    frames = 300
    labels = [3, 4, 1, 3, 4, 4, 1]
    logits = np.zeros((1, frames, VOCABULARY))
    logits[..., 0] = 20.0
    for place, label in enumerate(labels):
        logits[0, 40 * place + 5, label] = 45.0
    log_probs = logits - np.log(np.exp(logits).sum(-1, keepdims=True))
    log_probs = log_probs.astype("float32")
    for count in range(len(labels)):
        state = state_of(log_probs, [tuple(labels[:count])])
        scores = np.asarray(extended(state, log_probs))[0, 0]
        assert scores[labels[count]] == pytest.approx(0.0, abs=1e-3)
        assert np.argmax(scores) == labels[count]
    scores = np.asarray(extended(state_of(log_probs, [tuple(labels)]), log_probs, END))
    assert scores[0, 0, END] == pytest.approx(0.0, abs=1e-3)
