"""Cutting long recordings."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from asr.audio.segmentation import SpeechSegmenter, speech_segments
from asr.audio.speech_spans import hysteresis, split_long
from asr.audio.vad import HOP
from asr.audio.windows import split_blocks, split_samples
from asr.errors import UsageError

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
    pieces = split_samples(samples, rate, longest=longest)
    covered = [index for start, end in pieces for index in range(start, end)]
    assert covered == list(range(total))
    assert all(0 < end - start <= max(1, longest * rate) for start, end in pieces)


@given(total=st.integers(1001, 5000))
def test_no_piece_is_a_scrap(total):
    samples = np.random.default_rng(total).standard_normal(total, np.float32)
    pieces = split_samples(samples, RATE, longest=10.0)
    assert min(end - start for start, end in pieces) >= 250


def test_short_recording_stays_whole():
    assert split_samples(np.ones(2000, np.float32), RATE) == [(0, 2000)]


def test_cuts_in_the_middle_of_the_pause():
    samples = np.ones(3000, np.float32)
    samples[1700:1720] = 0.0  # 0.2 s
    assert split_samples(samples, RATE) == [(0, 1710), (1710, 3000)]


def test_pause_too_early_to_be_useful_is_ignored():
    samples = np.ones(3000, np.float32)
    samples[300:400] = 0.0
    samples[1500:1510] = 0.5
    ((_, first), _) = split_samples(samples, RATE)
    assert 1490 <= first <= 1520


def test_among_equals_the_last_makes_the_longest_piece():
    assert split_samples(np.zeros(10_000, np.float32), RATE)[0] == (0, 1990)


def test_nothing_to_cut():
    assert split_samples(np.zeros(0, np.float32), RATE) == []


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
        split_samples(samples, rate, longest=longest)


@pytest.mark.parametrize("seconds", [0, 0.4, 2.4, 2.5, 2.6, 30.0])
@pytest.mark.parametrize("block", [1, 700, 100_000])
def test_blocks_are_cut_where_the_whole_is(seconds, block):
    rate = 1000 if block > 1 else 50
    samples = np.random.default_rng(1).normal(size=int(seconds * rate))
    samples = samples.astype("float32")
    blocks = [samples[i : i + block] for i in range(0, len(samples), block)]
    pieces = list(split_blocks(blocks, rate, longest=2.0))
    assert [(p.first, p.last) for p in pieces] == split_samples(
        samples, rate, longest=2.0
    )
    joined = np.concatenate([p.samples for p in pieces]) if pieces else samples
    np.testing.assert_array_equal(joined, samples)


@dataclass
class Told:
    """A detector that knows where speech is: where samples are positive."""

    held: np.ndarray = field(default_factory=lambda: np.zeros(0))

    def stream(self):
        return replace(self)

    def push(self, block):
        whole = (len(self.held) + len(block)) // HOP * HOP
        joined = np.concatenate([self.held, block])
        self.held = joined[whole:]
        return self.probabilities(joined[:whole])

    def finish(self):
        return self.probabilities(self.held)

    def probabilities(self, samples):
        frames = np.pad(samples, (0, -len(samples) % HOP)).reshape(-1, HOP)
        return np.clip(frames.max(axis=1, initial=0.0), 0, 1).astype("float32")


def speaking(*spans, seconds):
    samples = np.zeros(int(seconds * 16000), np.float32)
    for start, end in spans:
        samples[int(start * 16000) : int(end * 16000)] = 0.9
    return samples


def found(samples, size=16000, rate=16000, **sizes):
    blocks = [samples[i : i + size] for i in range(0, len(samples), size)]
    return list(speech_segments(blocks, rate, Told(), **sizes))


def spoken(pieces):
    return [(piece.first / 16000, piece.last / 16000) for piece in pieces]


def test_speech_is_found_with_some_silence_around():
    pieces = found(speaking((2, 3), (3.5, 4), (6, 7), seconds=9))
    assert spoken(pieces) == [(2.0, 4.0), (6.0, 7.0)]
    assert [len(piece.samples) for piece in pieces] == [38400, 22400]
    assert [piece.start for piece in pieces] == [28800, 92800]
    assert pieces[0].speech == pytest.approx(0.9 * 1.5 / 2)


def test_a_segment_is_known_as_soon_as_its_pause_is_over():
    samples = speaking((2, 3), seconds=9)
    segmenter = SpeechSegmenter(16000, Told())
    ends = [
        (start + HOP) / 16000
        for start in range(0, len(samples), HOP)
        for _ in segmenter.push(samples[start : start + HOP])
    ]
    assert ends == [4.02]  # a pause of more than a second
    assert 1.0 <= len(segmenter.rest) / 16000 <= 2.0  # not all of the silence
    assert segmenter.finish() == []


def test_the_ends_of_a_recording_are_read_whole():
    (piece,) = found(speaking((1, 2), seconds=2.9))
    assert (piece.start, len(piece.samples)) == (0, 2.9 * 16000)
    assert spoken([piece]) == [(1.0, 2.0)]


def test_long_silence_at_the_ends_of_a_recording_is_not_read():
    (piece,) = found(speaking((1.1, 2), seconds=3.1))
    assert (piece.start, len(piece.samples)) == (0.9 * 16000, 1.3 * 16000)


def test_too_short_for_speech():
    assert found(speaking((1, 1.04), seconds=3)) == []
    assert found(np.zeros(0, np.float32)) == []


def test_nothing_is_lost_after_what_is_hardly_speech():
    """What was left out took nothing of the speech that goes on behind it."""
    samples = speaking((15, 35), seconds=39)
    samples[: 15 * 16000] = 0.55
    pieces = found(samples, overlap=True)
    assert pieces[0].start <= 15 * 16000
    assert all(piece.start <= piece.first for piece in pieces)


def test_what_is_hardly_speech_is_left_out():
    samples = speaking((1, 2), (4, 5), seconds=6)
    samples[: 3 * 16000] *= 0.65  # 0.585: now and then music is as likely
    assert spoken(found(samples)) == [(4.0, 5.0)]


def test_long_speech_is_cut_in_its_longest_pause():
    samples = speaking((0, 5), (5.2, 7), (7.5, 9), (9.2, 14), seconds=15)
    pieces = found(samples, longest=12.0)
    assert spoken(pieces) == [(0.0, 7.0), (7.5, 14.0)]
    assert [piece.start / 16000 for piece in pieces] == [0.0, 7.3]


def test_where_there_is_no_pause_a_second_is_read_twice():
    samples = speaking((1, 20), seconds=21)
    samples[8 * 16000 : 8 * 16000 + 3200] = 0.6  # not silent, but the quietest
    first, second, *_ = found(samples, longest=10.0)
    assert first.last == second.first == 129600
    assert first.cut_after
    assert second.cut_before
    assert first.start + len(first.samples) == first.last + 16000
    assert second.start == second.first - 16000


@settings(max_examples=60, deadline=None)
@given(
    lengths=st.lists(st.integers(1, 400), max_size=12),
    size=st.integers(1000, 200_000),
    longest=st.sampled_from([5.0, 8.3, 20.0]),
    pause=st.sampled_from([0.1, 1.0]),
)
def test_all_speech_belongs_to_one_piece(lengths, size, longest, pause):
    frames = np.concatenate(
        [np.full(n, i % 2) for i, n in enumerate(lengths)] or [np.zeros(0)]
    )
    samples = np.repeat(frames * 0.9, 320).astype("float32")
    pieces = found(samples, size, longest=longest, pause=pause)
    owner = np.zeros(len(samples), int)
    for piece in pieces:
        read = samples[piece.start : piece.start + len(piece.samples)]
        np.testing.assert_array_equal(piece.samples, read)
        assert len(piece.samples) <= longest * 16000
        assert piece.start <= piece.first < piece.last
        assert piece.last <= piece.start + len(piece.samples)
        owner[piece.first : piece.last] += 1
    assert owner.max(initial=0) <= 1
    speech = np.repeat(frames > 0, 320)
    runs = np.flatnonzero(np.diff(speech, prepend=False, append=False)).reshape(-1, 2)
    for start, end in runs:
        if end - start >= 5 * HOP:
            assert owner[start:end].all()


@settings(max_examples=100, deadline=None)
@given(
    parts=st.lists(
        st.tuples(st.sampled_from([0.0, 0.4, 0.55, 0.9]), st.integers(1, 500)),
        max_size=12,
    ),
    size=st.integers(1000, 200_000),
    longest=st.sampled_from([5.0, 8.3, 20.0]),
    pause=st.sampled_from([0.1, 1.0]),
)
def test_what_is_cut_off_goes_on_whatever_the_blocks(parts, size, longest, pause):
    frames = np.concatenate([np.zeros(0), *(np.full(n, value) for value, n in parts)])
    samples = np.repeat(frames, 320).astype("float32")
    pieces = found(samples, size, longest=longest, pause=pause)
    for one, two in pairwise([*pieces, None]):
        assert one.cut_after == (two is not None and two.cut_before)
        if one.cut_after:
            assert one.last == two.first
    again = found(samples, 16000, longest=longest, pause=pause)
    assert [(p.start, p.first, p.last, p.samples.size) for p in again] == [
        (p.start, p.first, p.last, p.samples.size) for p in pieces
    ]


@pytest.mark.parametrize("rate", [8000, 11025, 44100])
def test_other_rates(rate):
    time = np.arange(6 * rate) / rate
    tone = np.sin(2 * np.pi * 300 * time) * ((time > 2) & (time < 4))
    (piece,) = found(tone.astype("float32"), rate=rate)
    assert piece.first / rate == pytest.approx(2.0, abs=0.03)
    assert piece.last / rate == pytest.approx(4.0, abs=0.03)
    assert piece.start / rate == pytest.approx(1.8, abs=0.03)


def test_a_pause_around_the_middle_is_a_place_to_cut():
    samples = speaking((0, 8.8), (9.6, 26), seconds=27)
    first, second, *_ = found(samples)
    assert spoken([first]) == [(0.0, 8.8)]
    assert second.first / 16000 == 9.6
    assert second.start / 16000 == 9.4


def test_the_longest_pause_wins_over_the_last():
    samples = speaking((0, 14), (14.9, 17.9), (18.04, 30), seconds=31)
    assert spoken(found(samples))[0] == (0.0, 14.0)


def test_what_trails_off_after_a_cut_is_kept():
    samples = speaking((1, 18.8), seconds=21)
    samples[int(18.8 * 16000) : int(19.2 * 16000)] = 0.4
    first, second = found(samples)
    assert first.cut_after
    assert second.last / 16000 == pytest.approx(19.2)


@pytest.mark.parametrize(
    "sizes", [{"longest": 4.0}, {"longest": float("nan")}, {"pause": 0.0}, {"rate": 0}]
)
def test_senseless_sizes_of_pieces_are_refused(sizes):
    with pytest.raises(UsageError):
        found(np.zeros(10, np.float32), **sizes)


def test_hysteresis_extends_speech_by_low_probabilities_near_high_ones():
    probabilities = np.full(200, 0.4, np.float32)
    probabilities[100:110] = 0.9
    starts, ends, known = hysteresis(probabilities)
    assert (list(starts), list(ends), known) == ([75], [135], 200)
    starts, ends, _ = hysteresis(probabilities, continued=True)
    assert (list(starts), list(ends)) == ([0, 75], [25, 135])


def test_hysteresis_waits_for_more_probabilities():
    probabilities = np.zeros(40, np.float32)
    probabilities[12:15] = 0.9  # too few so far, and 25 more may follow
    assert len(hysteresis(probabilities).starts) == 0
    probabilities[12:] = 0.4
    probabilities[12] = 0.9
    assert hysteresis(probabilities, final=False) is None


@pytest.mark.parametrize(
    ("starts", "ends", "expected"),
    [
        ([0, 60, 80], [55, 70, 120], 1),  # the longest in the second half
        ([0, 30, 63], [10, 60, 120], None),  # too early, too short
        ([0], [120], None),
    ],
)
def test_split_long_chooses_a_pause(starts, ends, expected):
    assert split_long(np.array(starts), np.array(ends), 100) == expected
