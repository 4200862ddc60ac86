"""Division of words into subtitles, and their times."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asr.errors import UsageError
from asr.formats.subtitles import cues, highlight_words
from asr.formats.transcript import Segment, Word


def spoken(*times: tuple[float, float], text: str | None = None) -> Segment:
    words = tuple(
        Word(start, end, f"W{place}", 1.0) for place, (start, end) in enumerate(times)
    )
    text = " ".join(word.word for word in words) if text is None else text
    return Segment(0, times[0][0], times[-1][1], text, (), 0.0, 0.0, words)


def shown(found) -> list[str]:
    return ["/".join(" ".join(line) for line in cue.lines) for cue in found]


def test_fills_lines_then_begins_another():
    segment = spoken(*((0.2 * i, 0.2 * i + 0.2) for i in range(7)))
    found = cues([segment], 9.0, width=5, lines=2)
    assert shown(found) == ["W0 W1/W2 W3", "W4 W5/W6"]
    assert [cue.start for cue in found] == [0.0, pytest.approx(0.8)]


def test_a_pause_and_the_end_of_a_segment_begin_another():
    first, second = spoken((0, 1), (1.5, 2), (3, 3.5)), spoken((3.6, 4))
    assert shown(cues([first, second], 9.0)) == ["W0 W1", "W2", "W0"]


def test_subtitles_last_at_most_seven_seconds():
    segment = spoken(*((2.0 * i, 2.0 * i + 1.9) for i in range(5)))
    assert shown(cues([segment], 99.0)) == ["W0 W1 W2", "W3 W4"]


def test_short_ones_stay_until_they_can_be_read():
    found = cues([spoken((0, 0.1)), spoken((0.5, 0.6)), spoken((5, 5.1))], 5.3)
    assert [cue.end for cue in found] == [0.5, 1.3, 5.3]


def test_without_words_lines_are_wrapped_and_long_words_whole():
    segment = Segment(0, 1.0, 2.0, " A  VERYLONGWORD  B ", (), 0.0, 0.0)
    (cue,) = cues([segment], 9.0, width=4)
    assert cue.lines == (("A",), ("VERYLONGWORD",), ("B",))
    assert list(highlight_words(cue)) == [cue]


def test_highlighting_covers_the_whole_time_once():
    (cue,) = cues([spoken((0.5, 1), (1.2, 2))], 9.0)
    parts = list(highlight_words(cue))
    assert [(part.start, part.end, part.highlighted) for part in parts] == [
        (0.5, 1.0, 0),
        (1.0, 1.2, None),
        (1.2, 2.0, 1),
    ]
    (short,) = cues([spoken((0.5, 0.7))], 9.0)
    last = list(highlight_words(short))[-1]
    assert (last.start, last.end, last.highlighted) == (0.7, short.end, None)


@given(
    gaps=st.lists(
        st.tuples(st.integers(0, 3), st.integers(1, 3)), min_size=1, max_size=30
    ),
    width=st.integers(1, 20),
    lines=st.integers(1, 3),
)
def test_every_word_is_shown_once_in_order(gaps, width, lines):
    now, times = 0, []
    for gap, length in gaps:
        times.append((now + gap, now + gap + length))
        now += gap + length
    segment = spoken(*times)
    found = cues([segment], now, width=width, lines=lines)
    words = [word for cue in found for line in cue.lines for word in line]
    assert words == segment.text.split()
    assert [word for cue in found for word in cue.words] == list(segment.words)
    for cue, following in pairwise(found):
        assert cue.start <= cue.end <= following.start
    for cue in found:
        assert len(cue.lines) <= max(lines, 1)
        assert all(len(" ".join(line)) <= width or len(line) == 1 for line in cue.lines)


def test_invalid_sizes():
    with pytest.raises(UsageError):
        cues([], 1.0, width=0)
    with pytest.raises(UsageError):
        cues([], 1.0, lines=0)
