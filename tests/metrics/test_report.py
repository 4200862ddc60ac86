"""Score reports: intervals, groups, frequent errors."""

from __future__ import annotations

import pytest

from asr.errors import UsageError
from asr.metrics.report import ScoreReport


def report(**changes: object) -> ScoreReport:
    references = ["a b c", "a", "a b c d e f g", ""] * 5
    hypotheses = ["a x c", "a", "a b c d e f", ""] * 5
    facts = [{"speaker": f"s{number % 6}", "room": "hall"} for number in range(20)]
    return ScoreReport(references, hypotheses, facts, **changes)  # type: ignore[arg-type]


def test_groups_by_length_are_in_order() -> None:
    assert list(report().by("length")) == ["0", "1-5", "6-10"]
    long = ScoreReport(["a " * 60, "a", "a " * 12], [""] * 3, [{}] * 3)
    assert list(long.by("length")) == ["1-5", "11-20", "41 or more"]


def test_groups_by_a_fact() -> None:
    by_speaker = report().by("speaker")
    assert list(by_speaker) == [f"s{number}" for number in range(6)]
    assert sum(part.words for part in by_speaker.values()) == report().score.words
    assert report().by("room").keys() == {"hall"}
    with pytest.raises(UsageError, match="one of length, room, speaker, got 'accent'"):
        report().by("accent")


def test_intervals_by_speaker_need_all_speakers() -> None:
    assert report().intervals.keys() == {"utterance", "speaker"}
    facts = [{"speaker": "a"}] * 19 + [{}]
    assert (
        report().intervals["utterance"]
        == (
            ScoreReport(report().references, report().hypotheses, facts).intervals[
                "utterance"
            ]
        )
    )
    assert "speaker" not in ScoreReport(["a"] * 20, ["b"] * 20, facts).intervals


def test_errors_and_unknown_words() -> None:
    assert report().errors(1) == [(("S", "b", "x"), 5)]
    assert report().out_of_vocabulary is None
    assert report(vocabulary={"a"}).out_of_vocabulary == 8 / 11


def test_summary_and_json_have_the_groups_and_errors() -> None:
    found = report().to_json(["room"], 2)
    assert found["by"]["room"]["hall"]["words"] == 55
    assert found["errors"] == [["S", "b", "x", 5], ["D", "g", "", 5]]
    assert found["empty"] == 5
    text = report(vocabulary={"a"}).summary(["room"], 2)
    assert "interval   95% between" in text
    assert "unknown    72.73% of words" in text
    assert "    5  g -> -" in text
    assert "\nhall " in text
