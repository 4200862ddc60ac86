"""Division of words into subtitles, and their times."""

from __future__ import annotations

from dataclasses import replace
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
    assert shown(found) == ["W0 W1/W2 W3", "W4/W5 W6"]
    assert [cue.start for cue in found] == [0.0, pytest.approx(0.8)]


def test_a_pause_and_the_end_of_a_segment_begin_another():
    first, second = spoken((0, 1), (1.5, 2), (3, 4.1)), spoken((4.2, 4.6))
    assert shown(cues([first, second], 9.0)) == ["W0 W1", "W2", "W0"]


@pytest.mark.parametrize("lone", [0, 1, 2])
def test_a_short_word_joins_a_neighbour_with_room(lone):
    # Three segments without pauses; one has a single word of half a second.
    times = [[(0, 0.6), (0.6, 1.2)], [(1.3, 1.8), (1.8, 2.4)], [(2.5, 3), (3, 3.4)]]
    times[lone] = [(times[lone][0][0], times[lone][0][0] + 0.5)]
    if lone < 2:  # the next begins at once
        times[lone + 1][0] = (times[lone][0][1] + 0.1, times[lone + 1][0][1])
    found = cues([spoken(*part) for part in times], 3.4)
    assert all(len(cue.words) > 1 or cue.end - cue.start >= 1 for cue in found)
    assert len(found) == 2
    # Where no neighbour has room it stays alone.
    full = cues([spoken(*part) for part in times], 3.4, width=2, lines=1)
    assert len(full) == 5


def test_a_short_word_before_a_pause_stays_for_a_second():
    found = cues([spoken((0, 0.2), (1.5, 1.7))], 9.0)
    assert [(cue.start, cue.end) for cue in found] == [(0, 1), (1.5, 2.5)]


def timed(text: str, seconds: float = 0.3) -> Segment:
    words = tuple(
        Word(i * seconds, (i + 1) * seconds, word, 1.0)
        for i, word in enumerate(text.split())
    )
    return Segment(0, 0.0, words[-1].end, text, (), 0.0, 0.0, words)


def test_subtitles_and_lines_are_balanced():
    (segment,) = [timed(" ".join(["five5"] * 16))]  # 95 characters; a cue has 84
    found = cues([segment], 9.0)
    assert [len(cue.words) for cue in found] == [8, 8]
    assert [[len(line) for line in cue.lines] for cue in found] == [[4, 4], [4, 4]]


def test_subtitles_end_at_marks_pauses_and_phrases():
    text = "when the rain had stopped, we went down to the river and saw the boat"
    assert shown(cues([timed(text)], 9.0, width=25)) == [
        "when the rain/had stopped,",
        "we went down to the river/and saw the boat",
    ]
    plain = timed("it had been raining for weeks when the water began to rise")
    assert shown(cues([plain], 9.0, width=20)) == [
        "it had been raining/for weeks",
        "when the water/began to rise",
    ]
    words = [*timed("one two three four five six seven eight").words]
    words[3:] = [replace(w, start=w.start + 0.6, end=w.end + 0.6) for w in words[3:]]
    paused = replace(timed("x"), words=tuple(words))
    assert shown(cues([paused], 9.0, width=13)) == [
        "one two three",
        "four five six/seven eight",
    ]


def test_words_per_line():
    found = cues([timed("a b c d e f g")], 9.0, words=2)
    assert shown(found) == ["a b/c d", "e/f g"]
    assert shown(cues([timed("a b c d")], 9.0, words=1, lines=1)) == list("abcd")
    with pytest.raises(UsageError, match="words must be positive, got 0"):
        cues([], 1.0, words=0)


@pytest.mark.parametrize("with_times", [True, False])
@pytest.mark.parametrize(
    "text", ["\u5929" * 100, "\u0e01" * 43, "\u3042\u4e00" * 7 + " ok", "\u4e00" * 11]
)
def test_text_without_spaces_wraps(text, with_times):
    words = (Word(0.0, 20.0, text.split()[0], 1.0), Word(20.0, 21.0, "ok", 1.0))
    words = words[: len(text.split())] if with_times else None
    segment = Segment(0, 0.0, 21.0, text, (), 0.0, 0.0, words)
    found = cues([segment], 30.0, width=10)
    lines = [" ".join(line) for cue in found for line in cue.lines]
    assert max(map(len, lines)) <= 10
    assert "".join(lines).replace(" ", "") == text.replace(" ", "")
    assert not any(" " in line for line in lines if "ok" not in line)
    assert all(len(cue.lines) <= 2 for cue in found)
    assert [cue.start for cue in found] == sorted(cue.start for cue in found)


def test_without_word_times_there_are_several_subtitles():
    text = " ".join(["twelve", "letters"] * 20)
    segment = Segment(0, 2.0, 30.0, text, (), 0.0, 0.0)
    found = cues([segment], 40.0, width=20)
    assert [
        word for cue in found for line in cue.lines for word in line
    ] == text.split()
    assert all(len(cue.lines) <= 2 for cue in found)
    assert all(len(" ".join(line)) <= 20 for cue in found for line in cue.lines)
    assert (found[0].start, found[-1].end) == (2.0, pytest.approx(30.0))
    assert all(cue.end - cue.start <= 7 for cue in found)
    assert all(list(highlight_words(cue)) == [cue] for cue in found)


def test_subtitles_last_at_most_seven_seconds():
    segment = spoken(*((2.0 * i, 2.0 * i + 1.9) for i in range(5)))
    assert shown(cues([segment], 99.0)) == ["W0 W1", "W2 W3 W4"]


def test_short_ones_stay_until_they_can_be_read():
    found = cues([spoken((0, 0.1)), spoken((0.5, 0.6)), spoken((5, 5.1))], 5.3)
    assert [cue.end for cue in found] == [1.0, 5.3]


def test_without_words_lines_are_wrapped_and_long_words_whole():
    segment = Segment(0, 1.0, 2.0, " A  VERYLONGWORD  B ", (), 0.0, 0.0)
    (cue,) = cues([segment], 9.0, width=4, lines=3)
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
