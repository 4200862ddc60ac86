"""Word rules of `english-1`."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asr.text.english import _CHANGED, cardinal, ordinal, year
from asr.text.normalizers import normalizer

english = normalizer("english-1")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("It's 5 o'clock, Mr. Smith!", "IT'S FIVE O'CLOCK MISTER SMITH"),
        ("at 10:30 or 9:05 or 7:00", "AT TEN THIRTY OR NINE OH FIVE OR SEVEN O'CLOCK"),
        ("$1,250 and £3.50, not $1", "ONE THOUSAND TWO HUNDRED FIFTY DOLLARS AND "
         "THREE POUNDS FIFTY NOT ONE DOLLAR"),
        ("He paid $1,250. It cost $5.", "HE PAID ONE THOUSAND TWO HUNDRED FIFTY "
         "DOLLARS IT COST FIVE DOLLARS"),
        ("£3.50.", "THREE POUNDS FIFTY"),
        ("$5 million, $1.5 billion", "FIVE MILLION DOLLARS ONE POINT FIVE BILLION "
         "DOLLARS"),
        ("$1.255 or $1.2.3", "ONE POINT TWO FIVE FIVE DOLLARS OR ONE POINT TWO THREE"),
        ("2½ miles in ¾ of an hour", "TWO AND A HALF MILES IN THREE QUARTERS "
         "OF AN HOUR"),
        ("you couldn't've; Dr'll", "YOU COULD NOT HAVE DOCTOR WILL"),
        ("in 1984, 1905, 1900 and the 1990s", "IN NINETEEN EIGHTY FOUR NINETEEN OH "
         "FIVE NINETEEN HUNDRED AND THE NINETEEN NINETIES"),
        ("the 1st, 22nd and 30th of 2,000", "THE FIRST TWENTY SECOND AND THIRTIETH OF "
         "TWO THOUSAND"),
        ("3.14 is 50% more than 007", "THREE POINT ONE FOUR IS FIFTY PERCENT MORE THAN "
         "ZERO ZERO SEVEN"),
        ("Um, I won't, uh, go; they'll can't", "I WILL NOT GO THEY WILL CAN NOT"),
        ("colour, neighbours, realised, travelling", "COLOR NEIGHBORS REALIZED "
         "TRAVELING"),
        ("our four hours of honour", "OUR FOUR HOURS OF HONOR"),
        ("[noise] rock & roll <unk> now", "ROCK AND ROLL NOW"),
        ("caf\u00e9 \u2019til \u2018em", "CAFE 'TIL THEM"),
        ("it ain't so, is it? don't", "IT AIN'T SO IS IT DO NOT"),
        ("I rise wisely and exercise", "I RISE WISELY AND EXERCISE"),
        ("the 90s, '80s, mid-70s and 10s", "THE NINETIES EIGHTIES MID SEVENTIES AND "
         "TENS"),
        ("THE 90S, the 90's, 1990S, 1990\u2019s", "THE NINETIES THE NINETIES NINETEEN "
         "NINETIES NINETEEN NINETIES"),
        ("$90s, 95s, 1984's", "NINETY DOLLARS S NINETY FIVE S NINETEEN EIGHTY FOUR 'S"),
        ("10 1/2%, 2½ % or ½%", "TEN AND A HALF PERCENT TWO AND A HALF PERCENT OR A "
         "HALF PERCENT"),
        ("2 1/2 miles, 1,250-3/4", "TWO AND A HALF MILES ONE THOUSAND TWO HUNDRED "
         "FIFTY AND THREE QUARTERS"),
        ("3 2/3, 1 1/8, 4 5/6", "THREE AND TWO THIRDS ONE AND AN EIGHTH FOUR AND FIVE "
         "SIXTHS"),
        ("1/2, 24/7, 2 5/4, 5 10/12/2020", "ONE TWO TWENTY FOUR SEVEN TWO FIVE FOUR "
         "FIVE TEN TWELVE TWENTY TWENTY"),
        ("12\u00bd, 2\u2153, \u215e", "TWELVE AND A HALF TWO AND A THIRD SEVEN "
         "EIGHTHS"),
        ("ANALOGUE and analogues", "ANALOG AND ANALOGS"),
        ("x1,1st 1,2,3rd _1,2nd 1ST 2x3rd", "X ONE FIRST ONE HUNDRED TWENTY THIRD ONE "
         "SECOND FIRST TWO X THREE RD"),
        ("", ""),
    ],
)  # fmt: skip
def test_english_1(text: str, expected: str) -> None:
    assert english(text) == expected


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (0, "zero"),
        (13, "thirteen"),
        (40, "forty"),
        (115, "one hundred fifteen"),
        (1_000_001, "one million one"),
        (999_999_999_999_999, "nine hundred ninety nine trillion nine hundred ninety "
         "nine billion nine hundred ninety nine million nine hundred ninety nine "
         "thousand nine hundred ninety nine"),
    ],
)  # fmt: skip
def test_cardinals(number: int, words: str) -> None:
    assert cardinal(number) == words


def test_ordinals_and_years() -> None:
    assert [ordinal(n) for n in (0, 2, 12, 20, 23, 100)] == [
        "zeroth", "second", "twelfth", "twentieth", "twenty third", "one hundredth",
    ]  # fmt: skip
    assert year(2010) == "twenty ten"
    assert english("in 2008") == "IN TWO THOUSAND EIGHT"
    assert english("123456789012345678")[:13] == "ONE TWO THREE"


@given(st.text(alphabet="0123456789,.:$%'abcstndrh -", max_size=30))
def test_english_1_is_idempotent(text: str) -> None:
    assert english(english(text)) == english(text)


@pytest.mark.parametrize(
    "unit", ["1", "1,", "1,1", "1,000,", "$1,", "1 1/2 ", "90s ", "["]
)
def test_a_long_line_takes_linear_time(unit: str) -> None:
    # Quadratic patterns take minutes here.
    assert english(unit * (100_000 // len(unit)) + "x").endswith("X")


def test_no_replacement_is_replaced_again() -> None:
    for replacement in _CHANGED.values():
        for word in replacement.split():
            assert word not in _CHANGED
