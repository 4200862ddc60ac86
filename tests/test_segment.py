"""Cutting long recordings."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from asr.errors import UsageError
from asr.segment import cut, cut_blocks

RATE = 100


@settings(max_examples=200, deadline=None)
@given(
    total=st.integers(0, 3000),
    rate=st.integers(1, 200),
    longest=st.floats(0.001, 30.0),
    seed=st.integers(0, 9),
)
def test_pieces_cover_every_sample_once_in_order(total, rate, longest, seed):
    samples = np.random.default_rng(seed).standard_normal(total, np.float32)
    pieces = cut(samples, rate, longest=longest)
    covered = [index for start, end in pieces for index in range(start, end)]
    assert covered == list(range(total))
    assert all(0 < end - start <= max(1, longest * rate) for start, end in pieces)


@given(total=st.integers(1001, 5000))
def test_no_piece_is_a_scrap(total):
    samples = np.random.default_rng(total).standard_normal(total, np.float32)
    pieces = cut(samples, RATE, longest=10.0)
    assert min(end - start for start, end in pieces) >= 250


def test_short_recording_stays_whole():
    assert cut(np.ones(2000, np.float32), RATE) == [(0, 2000)]


def test_cuts_in_the_middle_of_the_pause():
    samples = np.ones(3000, np.float32)
    samples[1700:1720] = 0.0  # 0.2 s
    assert cut(samples, RATE) == [(0, 1710), (1710, 3000)]


def test_pause_too_early_to_be_useful_is_ignored():
    samples = np.ones(3000, np.float32)
    samples[300:400] = 0.0
    samples[1500:1510] = 0.5
    ((_, first), _) = cut(samples, RATE)
    assert 1490 <= first <= 1520


def test_among_equals_the_last_makes_the_longest_piece():
    assert cut(np.zeros(10_000, np.float32), RATE)[0] == (0, 1990)


def test_nothing_to_cut():
    assert cut(np.zeros(0, np.float32), RATE) == []


@pytest.mark.parametrize(
    ("samples", "rate", "longest"),
    [
        (np.zeros((2, 5)), 10, 1.0),
        (np.zeros(5), 0, 1.0),
        (np.zeros(5), 10, 0.0),
        (np.zeros(5), 10, float("nan")),
    ],
)
def test_senseless_arguments_are_refused(samples, rate, longest):
    with pytest.raises(UsageError):
        cut(samples, rate, longest=longest)


@pytest.mark.parametrize("seconds", [0, 0.4, 2.4, 2.5, 2.6, 30.0])
@pytest.mark.parametrize("block", [1, 700, 100_000])
def test_blocks_are_cut_where_the_whole_is(seconds, block):
    rate = 1000 if block > 1 else 50
    samples = np.random.default_rng(1).normal(size=int(seconds * rate))
    samples = samples.astype("float32")
    blocks = [samples[i : i + block] for i in range(0, len(samples), block)]
    found = list(cut_blocks(blocks, rate, longest=2.0))
    assert [(start, start + len(piece)) for start, piece in found] == cut(
        samples, rate, longest=2.0
    )
    joined = np.concatenate([piece for _, piece in found]) if found else samples
    np.testing.assert_array_equal(joined, samples)
