"""Forced alignment, against all paths of short utterances, and words out of tokens."""

from __future__ import annotations

from itertools import groupby, product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from asr.decoding.ctc_alignment import Spans, align_labels
from asr.errors import DataError
from asr.inference.timestamps import has_word_boundaries, timed_words, words_of


def brute_force(log_probs: np.ndarray, labels: list[int]) -> tuple[float, list[tuple]]:
    """The best of all paths that collapse to the labels, and its score."""
    frames, size = log_probs.shape
    best, found = -np.inf, []
    for path in product(range(size), repeat=frames):
        runs = [(label, len(list(run))) for label, run in groupby(path)]
        if [label for label, _ in runs if label] != labels:
            continue
        score = sum(log_probs[t, label] for t, label in enumerate(path))
        if score > best:
            place, spans = 0, []
            for label, length in runs:
                if label:
                    spans.append((place, place + length))
                place += length
            best, found = score, spans
    return best, found


@settings(max_examples=60, deadline=None)
@given(
    labels=st.lists(st.integers(1, 2), max_size=3),
    frames=st.integers(1, 6),
    seed=st.integers(0, 999),
)
def test_finds_the_best_of_all_paths(labels, frames, seed):
    scores = np.random.default_rng(seed).normal(size=(frames, 3))
    log_probs = scores - np.log(np.exp(scores).sum(axis=1, keepdims=True))
    best, spans = brute_force(log_probs, labels)
    if best == -np.inf:
        with pytest.raises(DataError, match="do not fit"):
            align_labels(log_probs, labels)
        return
    found = align_labels(log_probs, labels)
    assert list(zip(found.starts, found.ends, strict=True)) == spans
    for place, (start, end) in enumerate(spans):
        expected = log_probs[start:end, labels[place]].mean()
        assert found.log_probs[place] == pytest.approx(expected)


def test_no_labels():
    found = align_labels(np.zeros((4, 3)), [])
    assert not len(found.starts)
    assert not len(found.log_probs)


@pytest.mark.parametrize(
    ("pieces", "words"),
    [
        ("AB C", [("AB", 0, 2), ("C", 3, 4)]),
        ("  A  ", [("A", 2, 3)]),
        ("", []),
        (["▁the", "▁", "qu", "ick"], [("the", 0, 1), ("quick", 2, 4)]),
        (["a", "▁b", "c"], [("a", 0, 1), ("bc", 1, 3)]),
    ],
)
def test_words(pieces, words):
    assert words_of(list(pieces)) == words


def test_vocabularies_that_begin_words():
    assert has_word_boundaries(["A", " "])
    assert has_word_boundaries(["a", "▁b"])
    assert not has_word_boundaries(["語", "音"])


def test_many_labels():
    labels = [1, 2] * 150
    log_probs = np.full((700, 3), -9.0)
    log_probs[:, 0] = -1.0
    log_probs[np.arange(50, 650, 2), labels] = 0.0
    found = align_labels(log_probs, labels)
    assert found.starts.tolist() == list(range(50, 650, 2))


def test_words_reach_a_frame_beyond_their_labels_and_never_overlap():
    log_probs = np.log([0.5, 1.0, 0.25, 1.0])
    spans = Spans(np.array([0, 5, 8, 9]), np.array([1, 6, 9, 12]), log_probs)
    one, two = timed_words(list("A BC"), spans, 0.1, start=5.0, end=6.2)
    assert (one.word.word, one.first, one.last) == ("A", 0, 1)
    assert (one.word.start, one.word.end) == (5.0, pytest.approx(5.15))
    assert (two.word.start, two.word.end) == (pytest.approx(5.65), 6.2)
    assert one.word.probability == pytest.approx(0.5)
    assert two.word.probability == pytest.approx(0.5)
    near = Spans(np.array([2, 3, 4]), np.array([3, 4, 5]), np.zeros(3))
    one, two = timed_words(list("A B"), near, 1.0)
    assert one.word.end == two.word.start == 3.0
