"""Sentences of prose."""

from __future__ import annotations

import pytest

from asr.text.sentences import sentences


@pytest.mark.parametrize(
    ("paragraph", "expected"),
    [
        ("It rained. We stayed.", ["It rained.", "We stayed."]),
        ("Mr. Jones met J. R. Smith.", ["Mister Jones met J R Smith."]),
        ('"Stop!" he cried. "Why?"', ['"Stop!" he cried.', '"Why?"']),
        (
            "He said \u201cNo.\u201d Then he left.",
            ["He said \u201cNo.", "Then he left."],
        ),
        ("Is 7 odd? 3 is.", ["Is  seven  odd?", " three  is."]),
        ("e.g. this one stays", ["e.g. this one stays"]),
        ("\u041e\u043d. \u041e\u043d\u0430.", ["\u041e\u043d. \u041e\u043d\u0430."]),
        ("", []),
        ("  ", []),
    ],
)
def test_sentences(paragraph, expected):
    assert sentences(paragraph) == expected
