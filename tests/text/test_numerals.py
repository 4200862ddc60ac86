"""Spoken numbers in figures."""

from __future__ import annotations

import pytest

from asr.text.numerals import figures


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("In two thousand twenty four, we won.", "In 2024, we won."),
        ("from nineteen eighty four to twenty ten.", "from 1984 to 2010."),
        ("nineteen o five was good", "1905 was good"),
        ("three point five percent.", "3.5%."),
        ("five percent of two hundred thousand people", "5% of 200,000 people"),
        ("one hundred and twenty dollars, please", "$120, please"),
        ("two point five million men, three billion", "2.5 million men, 3 billion"),
        ("twelve hundred or two thousand five", "1200 or 2005"),
        ("on the twenty first of May", "on the 21st of May"),
        ("twenty five people", "25 people"),
        ("Five hundred and two people came", "502 people came"),
        ("Nineteen ninety nine was wet", "1999 was wet"),
        ("Two million dollars were lost", "$2 million were lost"),
        ("One hundred percent.", "100%."),
        ("Fifty one point five percent", "51.5%"),
        ("One million two hundred thousand", "1,200,000"),
        ("a hundred dollars", "$100"),
        ("A million dollars, a hundred percent", "$1 million, 100%"),
        ("a hundred and five of them", "105 of them"),
        ("in nineteen twenty it was", "in 1920 it was"),
        ("five trillion dollars", "$5 trillion"),
        ("two point five trillion", "2.5 trillion"),
        ("ten thousand point two five dollars", "$10,000.25"),
        ("the twelve thousandth time", "the 12,000th time"),
        # What stays.
        ("half a million dollars", "half a million dollars"),
        ("two and a half million dollars", "two and a half million dollars"),
        ("a few hundred dollars", "a few hundred dollars"),
        ("a couple of thousand dollars", "a couple of thousand dollars"),
        ("20 million dollars", "20 million dollars"),
        ("fifteen twenty minutes", "fifteen twenty minutes"),
        ("thirteen fourteen percent", "thirteen fourteen percent"),
        ("eighteen nineteen year olds", "eighteen nineteen year olds"),
        ("nineteen ninety nine dollars", "nineteen ninety nine dollars"),
        ("twenty twenty vision", "twenty twenty vision"),
        ("point five percent", "point five percent"),
        ("two point oh five percent", "two point oh five percent"),
        ("zero zero seven", "zero zero seven"),
        ("Highway Two hundred fifty", "Highway Two hundred fifty"),
        ("Twenty One Pilots", "Twenty One Pilots"),
        ("Fifty people", "Fifty people"),
        ("one another", "one another"),
        ("the second one of two or three", "the second one of two or three"),
        ("twenty people and ten more", "twenty people and ten more"),
        ("five thirty p m", "five thirty p m"),
        ("one two three four", "one two three four"),
        ("a thirty second delay", "a thirty second delay"),
        ("with Twenty One Pilots", "with Twenty One Pilots"),
        ("fifty fifty", "fifty fifty"),
        ("twenty, five", "twenty, five"),
        ("a thousand times", "a thousand times"),
        ("", ""),
    ],
)  # fmt: skip
def test_figures(words, expected):
    found = list(figures(words.split()))
    assert " ".join(text for text, _ in found) == expected
    assert sum(count for _, count in found) == len(words.split())


def test_a_sentence_is_written_as_it_ends():
    given = []

    def speak():
        for word in ["It", "is", "late.", "In", "twenty", "ten."]:
            given.append(word)
            yield word

    written = figures(speak())
    assert [next(written) for _ in range(3)] == [("It", 1), ("is", 1), ("late.", 1)]
    assert len(given) == 3
    assert list(written) == [("In", 1), ("2010.", 2)]
