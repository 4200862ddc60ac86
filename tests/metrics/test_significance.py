"""Coverage of confidence intervals, and tests of differences."""

from __future__ import annotations

import random
from collections.abc import Iterator
from itertools import islice
from typing import Any

import numpy as np
import pytest

from asr.errors import UsageError
from asr.metrics import sclite, significance
from asr.metrics.significance import Interval, compare, interval

RATE = 0.1


def drawn(speakers: int, utterances: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield errors and words by speaker, whose rates differ; the mean is `RATE`."""
    rng = np.random.default_rng(1)
    while True:
        words = rng.integers(5, 35, (speakers, utterances))
        skill = rng.gamma(4.0, RATE / 4.0, (speakers, 1))
        hardness = rng.gamma(2.0, 1 / 2.0, (speakers, utterances))
        yield rng.poisson(words * skill * hardness), words


@pytest.mark.parametrize(
    ("speakers", "utterances", "by_speaker"),
    [(10, 30, True), (20, 30, True), (40, 30, True), (200, 1, False)],
)
def test_intervals_contain_the_true_rate_in_95_percent(
    speakers: int, utterances: int, by_speaker: bool
) -> None:
    # Without the standard error of each draw, 10 speakers have 90 %, and 20 have 92 %.
    cases, held = 1000, 0
    groups = np.repeat(np.arange(speakers), utterances).tolist()
    for errors, words in islice(drawn(speakers, utterances), cases):
        bounds = interval(errors.ravel(), words.ravel(), groups if by_speaker else None)
        assert bounds
        held += bounds.low <= RATE <= bounds.high
    assert 0.93 <= held / cases <= 0.97


def test_utterances_of_one_speaker_are_not_independent() -> None:
    errors, words = next(drawn(20, 30))
    groups = np.repeat(np.arange(20), 30).tolist()
    naive = interval(errors.ravel(), words.ravel())
    honest = interval(errors.ravel(), words.ravel(), groups)
    assert naive
    assert honest
    assert honest.high - honest.low > 1.5 * (naive.high - naive.low)


def test_an_interval_is_reproducible_and_contains_the_rate() -> None:
    errors, words = np.array([0, 2, 1, 0, 3]), np.array([5, 9, 7, 4, 8])
    bounds = interval(errors, words)
    assert bounds == interval(errors, words)
    assert isinstance(bounds, Interval)
    assert 0 <= bounds.low < 6 / 33 < bounds.high


@pytest.mark.parametrize(
    ("errors", "words"),
    [([0] * 9, [5] * 9), ([1, 2, 3], [4, 4, 4]), ([], []), ([2] * 9, [4] * 9)],
)
def test_no_interval_where_nothing_varies(errors: list[int], words: list[int]) -> None:
    assert interval(np.array(errors), np.array(words)) is None


def test_many_utterances_are_drawn_a_few_times_at_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    rng = np.random.default_rng(1)
    errors, words = rng.poisson(2, 3_000), rng.integers(5, 35, 3_000)
    bounds = interval(errors, words)
    assert bounds
    assert bounds.high - bounds.low < 0.01
    sizes = []
    rates = significance._rates

    def measured(*arrays: np.ndarray) -> Any:
        sizes.append(arrays[2].size)
        return rates(*arrays)

    monkeypatch.setattr(significance, "_CHUNK", 10_000)
    monkeypatch.setattr(significance, "_rates", measured)
    assert interval(errors, words) == pytest.approx(bounds)
    assert max(sizes) <= 10_000


WORDS = [f"w{number}" for number in range(300)]


def spoilt(text: str, rate: float, rng: random.Random) -> str:
    words = []
    for word in text.split():
        kind = rng.random() / rate
        if kind < 0.6:
            words.append(rng.choice(WORDS))
        elif kind > 1:
            words.append(word)
        elif kind > 0.8:
            words += [word, rng.choice(WORDS)]
    return " ".join(words)


def systems(one: float, other: float, seed: int = 0) -> tuple[list[str], ...]:
    rng = random.Random(seed)
    texts = [" ".join(rng.choices(WORDS, k=rng.randint(1, 25))) for _ in range(200)]
    first = [spoilt(text, one, rng) for text in texts]
    return texts, first, [spoilt(text, other, rng) for text in texts]


def test_segments_end_after_two_good_words() -> None:
    # one error each in the first, then both; between them two words both have right
    found = compare(["a b c d e f"], ["x b c d e f"], ["a b c d x f"])
    assert found.segments == 2
    assert compare(["a b c d"], ["x b c d"], ["a b x d"]).segments == 1
    assert compare(["a b"], ["a b"], ["a b"]).segments == 0
    # what is inserted counts where it stands
    found = compare(["a b c d"], ["a u b c d"], ["a b c d v"])
    assert found.segments == 2


def test_a_clear_difference_is_found() -> None:
    found = compare(*systems(0.05, 0.15))
    assert found.p_bootstrap < 0.01
    assert found.p_matched_pairs < 0.01
    assert found.better == 0.0
    assert found.interval
    assert 0 < found.interval.low < found.difference < found.interval.high


def test_false_positives_have_the_rate_of_the_level() -> None:
    found = [compare(*systems(0.1, 0.1, seed)) for seed in range(60)]
    for name in ("p_bootstrap", "p_matched_pairs"):
        low = sum(getattr(one, name) < 0.05 for one in found)
        assert low <= 8  # 3 expected; more than 8 in fewer than 1 of 200 cases


def test_the_same_system_twice() -> None:
    texts, first, _ = systems(0.1, 0.1)
    found = compare(texts, first, first)
    assert (found.difference, found.interval) == (0.0, None)
    assert found.p_bootstrap == found.p_matched_pairs == 1.0
    assert "difference +0.00 points" in found.summary()


def test_a_single_speaker_is_ignored() -> None:
    texts, first, second = systems(0.1, 0.12)
    alone = compare(texts, first, second, ["utt"] * len(texts))
    assert alone == compare(texts, first, second)


def test_p_is_never_zero() -> None:
    found = compare(["a b c"] * 9, ["a b c"] * 9, ["x y z"] * 9)
    assert 0 < found.p_bootstrap < 0.01
    assert found.p_matched_pairs == 2 * 0.5**9


def test_systems_may_take_different_alternatives() -> None:
    references = ["{ a b / c } d"] * 3
    found = compare(references, ["a b d"] * 3, ["c e"] * 3, aligner=sclite.align)
    assert found.difference > 0


def test_invalid_texts() -> None:
    with pytest.raises(UsageError, match="no words"):
        compare([""], ["a"], ["b"])
    with pytest.raises(UsageError, match="2 references, 2 and 1 hypotheses"):
        compare(["a", "b"], ["a", "b"], ["a"])
