"""Pauses weigh the marks of restored text."""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import pytest

import asr
from asr.formats.transcript import Segment
from asr.inference.pauses import _SHARES, EDGES, GROUPS, weigh
from asr.text.written import CASES, MARKS

WORDS = "we went home it was late"
SHAPE = len(CASES), len(MARKS)


@pytest.fixture(scope="module")
def restorer():
    return asr.load_text("restore", threads=1)


def part(number, text, start, end, silence=None):
    return Segment(number, start, end, text, (), 0.0, 0.0, pauses=silence)


def test_shares_sum_to_one():
    assert _SHARES.shape == (len(EDGES) + 1, len(GROUPS))
    np.testing.assert_allclose(_SHARES.sum(axis=0), 100, atol=1)


def test_marks_follow_the_rule_of_bayes():
    given = np.random.default_rng(0).dirichlet(np.ones(np.prod(SHAPE)), 3)
    given = given.reshape(3, *SHAPE)
    found = weigh(given, [0.0, None, 2.0])
    np.testing.assert_allclose(found.sum(axis=(1, 2)), 1)
    group = [next(i for i, it in enumerate(GROUPS) if mark in it) for mark in MARKS]
    for row, shares in ((0, _SHARES[0]), (1, np.ones(len(GROUPS))), (2, _SHARES[-1])):
        expected = given[row].sum(axis=0) * shares[group]
        np.testing.assert_allclose(found[row].sum(axis=0), expected / expected.sum())


def test_a_capital_goes_with_the_full_stop_before_it():
    given = np.full((2, *SHAPE), 1e-6)
    given[0, 0, MARKS.index(".")] = 0.6
    given[0, 0, MARKS.index("")] = 0.4
    lower, title = CASES.index("lower"), CASES.index("title")
    given[1, title, 0], given[1, lower, 0] = 0.6, 0.4
    for pause, expected in ((0.0, lower), (None, title), (1.0, title)):
        assert weigh(given, [pause, None])[1].sum(axis=1).argmax() == expected
    given[0, 0, MARKS.index(".")] = 1e-6  # a name
    assert weigh(given, [0.0, None])[1].sum(axis=1).argmax() == title


def test_no_words_have_no_pauses():
    assert weigh(np.zeros((0, *SHAPE)), []).shape == (0, *SHAPE)


def test_a_long_pause_ends_a_sentence(restorer):
    def restored(silence):
        (segment,) = restorer.segments([part(0, WORDS, 0.0, 3.0, silence)])
        return segment.text

    silent = [0.0] * 5
    assert restored(tuple(silent)) in (
        "We went home, it was late.",
        "We went home it was late.",
    )
    silent[2] = 1.0
    assert restored(tuple(silent)) == "We went home. It was late."
    # Of another number of words than the text, they belong to another one.
    assert restored((1.0,) * 2) == restored(None)


def test_segments_apart_are_sentences(restorer):
    one, two = part(0, "we went home", 0.0, 2.0), part(1, "it was late", 3.0, 5.0)
    first, last = restorer.segments([one, two])
    assert (first.text, last.text) == ("We went home.", "It was late.")
    # Without time between them they were cut, wherever that was.
    text = " ".join(it.text for it in restorer.segments([one, replace(two, start=2.0)]))
    assert text == restorer.restore(WORDS)


def test_recognised_segments_have_pauses(samples):
    recognizer = asr.load("english", threads=1)
    clip = samples / "river.wav"
    (segment, *_) = recognizer.transcribe(clip, word_timestamps=True).segments
    words = segment.words
    assert segment.pauses == tuple(
        after.start - before.end for before, after in itertools.pairwise(words)
    )
    bare = recognizer.transcribe(clip).segments[0]
    assert bare.words is None
    assert bare.pauses == segment.pauses
