"""Written English as it is heard."""

from __future__ import annotations

import pytest

from asr.text.written import case_of, heard, is_running_text, with_case


def joined(text):
    return " ".join(word + mark for word, mark in heard(text))


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("Well, is it? No!", "Well, is it? No!"),
        ("“So,” she said; 'yes': (it is).", "So, she said; yes: it is."),
        ("Mr. Smith met Dr. Jones.", "Mister Smith met Doctor Jones."),
        ("It cost $12 in 1984.", "It cost twelve dollars in nineteen eighty four."),
        ("1914-1918, 3%", "nineteen fourteen to nineteen eighteen, three percent"),
        ("One — or two -- or 3 - four", "One, or two, or three, four"),
        ("And then... Nothing… maybe", "And then. Nothing, maybe"),
        ("The U.S. and J. K. Rowling", "The U S and J K Rowling"),
        ("a well-known site, changelog.com.", "a well known site, changelog dot com."),
        ("Café Zoë [laughs] isn't O'Brien's.", "Cafe Zoe isn't O'Brien's."),
        ("end .", "end."),
        ("Gen Z, Col", "Gen Z, Col"),
        ("wide" + 20_000 * " " + "space", "wide space"),
        ("Привет 日本", ""),
        ("", ""),
    ],
)  # fmt: skip
def test_heard(written, expected):
    assert joined(written) == expected
    assert joined(expected) == expected


@pytest.mark.parametrize(
    ("word", "case"),
    [
        ("word", "lower"), ("don't", "lower"), ("Word", "title"), ("I", "title"),
        ("I'm", "title"), ("NASA", "upper"), ("NASA's", "upper"), ("OK", "upper"),
        ("McDonald", "mixed"), ("iPhone", "mixed"), ("O'Brien", "mixed"),
    ],
)  # fmt: skip
def test_cases(word, case):
    assert case_of(word) == case
    if case != "mixed":
        assert with_case(word.lower(), case) == word
        assert with_case(word.upper(), case) == word
    else:
        assert with_case(word.lower(), case)[0].isupper()


def test_running_text():
    assert is_running_text("He went to the U.S. with the people of “NASA.”")
    for line in ("Early life", "STOP SHOUTING!", "See https://x.org.", "{| a = b.", ""):
        assert not is_running_text(line)
