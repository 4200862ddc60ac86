"""Output formats, with texts written out by hand."""

from __future__ import annotations

import html
import json
import math
import re
from dataclasses import replace

import pytest
import srt
import webvtt
from hypothesis import given
from hypothesis import strategies as st

import asr
from asr.errors import UsageError
from asr.formats.layout import Layout
from asr.formats.transcript import Alternative, Segment, Transcript, Word
from asr.formats.writers import WRITERS


def segment(
    start: float,
    end: float,
    text: str = "HELLO",
    *,
    words: tuple[Word, ...] | None = None,
    avg_logprob: float = -0.25,
) -> Segment:
    return Segment(0, start, end, text, (3, 4), avg_logprob, 0.5, words)


def transcript(*segments: Segment, duration: float = 1e6) -> Transcript:
    text = " ".join(part.text for part in segments)
    return Transcript(text, segments, "en", duration)


@pytest.fixture
def two() -> Transcript:
    return transcript(
        segment(0.0, 1.5, "HELLO <B> & C"), segment(3661.0625, 3662.999, "WORLD")
    )


def test_formats() -> None:
    assert list(WRITERS) == [
        *["txt", "json", "tsv", "srt", "vtt"],
        *["ctm", "trn", "TextGrid"],
    ]


def test_txt(two: Transcript) -> None:
    assert WRITERS["txt"](two) == "HELLO <B> & C\nWORLD\n"


def test_txt_without_segments_is_the_text() -> None:
    assert WRITERS["txt"](Transcript("A B", (), None, 1.0)) == "A B\n"


def test_tsv(two: Transcript) -> None:
    assert WRITERS["tsv"](two) == (
        "start\tend\ttext\n0\t1500\tHELLO <B> & C\n3661062\t3662999\tWORLD\n"
    )


def test_srt(two: Transcript) -> None:
    assert WRITERS["srt"](two) == (
        "1\n00:00:00,000 --> 00:00:01,500\nHELLO <B> & C\n\n"
        "2\n01:01:01,062 --> 01:01:02,999\nWORLD\n"
    )


def test_vtt(two: Transcript) -> None:
    assert WRITERS["vtt"](two) == (
        "WEBVTT\n\n"
        "00:00:00.000 --> 00:00:01.500\nHELLO &lt;B&gt; &amp; C\n\n"
        "01:01:01.062 --> 01:01:02.999\nWORLD\n"
    )


def test_json() -> None:
    words = (Word(0.1, 0.2, "É", 0.5),)
    written = WRITERS["json"](transcript(segment(0.0, 1.5, "É", words=words)))
    assert json.loads(written) == {
        "text": "É",
        "segments": [
            {
                "id": 0,
                "start": 0.0,
                "end": 1.5,
                "text": "É",
                "tokens": [3, 4],
                "avg_logprob": -0.25,
                "no_speech_prob": 0.5,
                "words": [{"word": "É", "start": 0.1, "end": 0.2, "probability": 0.5}],
            }
        ],
        "language": "en",
        "duration": 1e6,
        "model": None,
        "version": asr.__version__,
    }
    assert "É" in written
    assert written.count("\n") == 1


def test_json_has_words_alternatives_and_reason_only_where_they_are() -> None:
    plain = json.loads(WRITERS["json"](transcript(segment(0, 1))))
    assert set(plain) == {
        *("text", "segments", "language", "duration", "model", "version")
    }
    assert "words" not in plain["segments"][0]
    alternatives = (Alternative("A", -math.inf),)
    rich = Transcript("", (), None, 0.0, alternatives, "no samples", "english")
    assert json.loads(WRITERS["json"](rich)) == {
        "text": "",
        "segments": [],
        "language": None,
        "duration": 0.0,
        "model": "english",
        "version": asr.__version__,
        "alternatives": [{"text": "A", "score": None}],
        "reason": "no samples",
    }


def test_json_times_are_whole_milliseconds() -> None:
    words = (Word(0.1 + 0.2, 1.23456, "A", 0.123456),)
    given = transcript(segment(0.1 + 0.2, 1.23456, words=words), duration=2.9908125)
    written = json.loads(WRITERS["json"](given))
    (part,) = written["segments"]
    (word,) = part["words"]
    assert (part["start"], part["end"], written["duration"]) == (0.3, 1.234, 2.99)
    assert (word["start"], word["end"], word["probability"]) == (0.3, 1.234, 0.123456)


def test_json_has_confidence_and_doubt_where_they_are() -> None:
    sure = replace(segment(0, 1), confidence=0.5, doubt="repetition")
    (written,) = json.loads(WRITERS["json"](transcript(sure)))["segments"]
    assert (written["confidence"], written["doubt"]) == (0.5, "repetition")


def test_json_has_no_number_that_json_lacks() -> None:
    written = WRITERS["json"](transcript(segment(0, 1, avg_logprob=-math.inf)))
    assert json.loads(written)["segments"][0]["avg_logprob"] is None
    assert "Infinity" not in written


@pytest.mark.parametrize(
    ("name", "empty"),
    [("txt", ""), ("tsv", "start\tend\ttext\n"), ("srt", ""), ("vtt", "WEBVTT\n")],
)
def test_nothing_said(name: str, empty: str) -> None:
    assert WRITERS[name](Transcript("", (), None, 0.0)) == empty


@pytest.mark.parametrize("name", ["txt", "srt", "vtt"])
def test_segments_without_text_are_left_out(name: str) -> None:
    spoken = transcript(segment(1, 2))
    silent = transcript(segment(0, 1, " "), segment(1, 2), segment(2, 3, ""))
    assert WRITERS[name](silent) == WRITERS[name](spoken)


@pytest.mark.parametrize("name", ["txt", "tsv", "srt", "vtt"])
def test_white_space_in_a_text_breaks_no_format(name: str) -> None:
    torn = transcript(segment(0, 1, "A\n\nB\tC"))
    assert WRITERS[name](torn) == WRITERS[name](transcript(segment(0, 1, "A B C")))


def test_hours_grow_past_99() -> None:
    long = transcript(segment(360_000.5, 3_600_000.0), duration=3_600_000.0)
    assert "100:00:00,500 --> 1000:00:00,000" in WRITERS["srt"](long)
    assert "100:00:00.500 --> 1000:00:00.000" in WRITERS["vtt"](long)


def test_no_millisecond_is_lost_to_binary_fractions() -> None:
    long = transcript(*(segment(n / 1000, n / 1000) for n in range(0, 100_000, 7)))
    rows = WRITERS["tsv"](long).splitlines()[1:]
    assert [int(row.split("\t")[0]) for row in rows] == list(range(0, 100_000, 7))


TIMES = st.floats(-10.0, 500_000.0)
SEGMENTS = st.lists(st.builds(segment, TIMES, TIMES))


@given(SEGMENTS, st.floats(0.0, 500_000.0))
def test_times_never_decrease_nor_leave_the_recording(
    segments: list[Segment], duration: float
) -> None:
    whole = transcript(*segments, duration=duration)
    rows = WRITERS["tsv"](whole).splitlines()[1:]
    in_tsv = [int(number) for row in rows for number in row.split("\t")[:2]]
    assert in_tsv == sorted(in_tsv)
    assert all(0 <= number <= duration * 1000 + 1e-6 for number in in_tsv)
    parts = json.loads(WRITERS["json"](whole))["segments"]
    in_json = [time for part in parts for time in (part["start"], part["end"])]
    assert [round(time * 1000) for time in in_json] == in_tsv
    for name in ("srt", "vtt"):
        clocks = re.findall(r"(\d\d+):(\d\d):(\d\d)[.,](\d{3})", WRITERS[name](whole))
        shown = [
            ((int(h) * 60 + int(m)) * 60 + int(s)) * 1000 + int(f)
            for h, m, s, f in clocks
        ]
        assert shown[::2] == in_tsv[::2]
        assert shown == sorted(shown)  # ends may be later, so that all can be read
        assert all(0 <= number <= duration * 1000 + 1e-6 for number in shown)


@given(
    st.lists(st.builds(Word, TIMES, TIMES, st.just("A"), st.just(1.0))), TIMES, TIMES
)
def test_words_stay_in_their_segment(
    words: list[Word], start: float, end: float
) -> None:
    whole = transcript(segment(start, end, words=tuple(words)))
    part = json.loads(WRITERS["json"](whole))["segments"][0]
    inside = [time for word in part["words"] for time in (word["start"], word["end"])]
    assert len(part["words"]) == len(words)
    times = [part["start"], *inside, part["end"]]
    assert times == sorted(times)


@given(st.lists(st.text(), min_size=1))
def test_no_text_is_taken_for_a_subtitle_time(texts: list[str]) -> None:
    whole = transcript(*(segment(0, 1, text) for text in texts))
    spoken = sum(bool(text.strip()) for text in texts)
    for name in ("srt", "vtt"):
        assert WRITERS[name](whole).count("-->") == spoken


def test_an_arrow_in_a_text_is_no_arrow_in_a_subtitle() -> None:
    arrow = transcript(segment(0, 1, "A ----> B"))
    assert WRITERS["srt"](arrow).splitlines()[2] == "A -> B"
    assert WRITERS["vtt"](arrow).splitlines()[3] == "A ----&gt; B"


@pytest.fixture
def worded() -> Transcript:
    words = (
        Word(0.1, 0.5, "HELLO", 0.75),
        Word(0.5, 0.9, 'YOU"', 0.5),
        Word(2.5, 2.5, "THERE", 1.0),
    )
    return transcript(segment(0.0, 3.0, 'HELLO YOU" THERE', words=words), duration=4.5)


def test_ctm(worded: Transcript) -> None:
    assert WRITERS["ctm"](worded, Layout(name="my talk", channel=2)) == (
        "my_talk 2 0.100 0.400 HELLO 0.750\n"
        'my_talk 2 0.500 0.400 YOU" 0.500\n'
        "my_talk 2 2.500 0.000 THERE 1.000\n"
    )


def test_ctm_wants_words(two: Transcript) -> None:
    with pytest.raises(UsageError, match="words"):
        WRITERS["ctm"](two)


def test_trn(two: Transcript) -> None:
    assert WRITERS["trn"](two, Layout(name="a b")) == "HELLO <B> & C WORLD (a_b)\n"
    assert WRITERS["trn"](Transcript("", (), None, 1.0)) == "(audio)\n"


def test_textgrid_fills_the_gaps(worded: Transcript) -> None:
    written = WRITERS["TextGrid"](worded)
    numbers = r'xmin = ([\d.]+)\n +xmax = ([\d.]+)\n +text = "(.*)"'
    assert re.findall(numbers, written) == [
        ("0.000", "3.000", 'HELLO YOU"" THERE'),
        ("3.000", "4.500", ""),
        ("0.000", "0.100", ""),
        ("0.100", "0.500", "HELLO"),
        ("0.500", "0.900", 'YOU""'),
        ("0.900", "4.500", ""),
    ]
    assert written.startswith('File type = "ooTextFile"\nObject class = "TextGrid"\n\n')
    assert re.findall(r"size = (\d)", written) == ["2", "2", "4"]


def test_textgrid_of_what_lasts_to_the_end() -> None:
    whole = transcript(segment(0.0, 2.9909), duration=2.9909)
    written = WRITERS["TextGrid"](whole)
    assert "intervals: size = 1\n" in written
    assert written.count("xmax = 2.990\n") == 3


def test_textgrid_without_words_has_segments(two: Transcript) -> None:
    assert 'name = "words"' not in WRITERS["TextGrid"](two)


def test_subtitles_are_divided_by_words(worded: Transcript) -> None:
    assert WRITERS["srt"](worded, Layout(max_line_width=5, max_line_count=2)) == (
        '1\n00:00:00,100 --> 00:00:01,100\nHELLO\nYOU"\n\n'
        "2\n00:00:02,500 --> 00:00:03,500\nTHERE\n"
    )


def test_highlighted_word_is_underlined(worded: Transcript) -> None:
    written = WRITERS["vtt"](worded, Layout(highlight_words=True))
    assert written == (
        "WEBVTT\n\n"
        '00:00:00.100 --> 00:00:00.500\n<u>HELLO</u> YOU"\n\n'
        '00:00:00.500 --> 00:00:00.900\nHELLO <u>YOU"</u>\n\n'
        '00:00:00.900 --> 00:00:01.100\nHELLO YOU"\n\n'
        "00:00:02.500 --> 00:00:03.500\nTHERE\n"
    )


@given(
    st.lists(
        st.tuples(
            st.floats(0, 20, allow_nan=False),
            st.floats(0, 20, allow_nan=False),
            st.text("AB -><&\t\n\u2028", max_size=12),
        ),
        max_size=6,
    )
)
def test_independent_parsers_read_the_subtitles(
    parts: list[tuple[float, float, str]],
) -> None:
    found = [segment(min(a, b), max(a, b), text) for a, b, text in parts]
    whole = transcript(*found, duration=15.0)
    spoken = [" ".join(text.split()) for _, _, text in parts if text.strip()]
    cues = list(srt.parse(WRITERS["srt"](whole)))
    assert [cue.index for cue in cues] == list(range(1, len(spoken) + 1))
    assert [cue.content for cue in cues] == [re.sub("-{2,}>", "->", t) for t in spoken]
    captions = webvtt.from_string(WRITERS["vtt"](whole)).captions
    assert [html.unescape(caption.raw_text) for caption in captions] == spoken
    for cue in cues:
        assert 0 <= cue.start.total_seconds() <= cue.end.total_seconds() <= 15
