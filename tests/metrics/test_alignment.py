"""Alignments of words, beside jiwer's and as they are shown."""

from __future__ import annotations

import random
from itertools import groupby

import jiwer
from hypothesis import given
from hypothesis import strategies as st

from asr.metrics.alignment import Symbols, align, alignment_text, tally

WORDS = st.lists(st.sampled_from(["a", "b", "ab", "ba", "c"]), max_size=9)
SENTENCES = WORDS.map(" ".join)
NAMES = {"equal": "C", "substitute": "S", "delete": "D", "insert": "I"}


def shown(reference: str, hypothesis: str) -> str:
    return alignment_text(align(reference, hypothesis))


def test_counts_and_steps_are_those_of_jiwer() -> None:
    rng = random.Random(1)

    def text() -> str:
        return " ".join(rng.choices(["a", "b", "ab", "ba", "c"], k=rng.randrange(10)))

    pairs = [(text(), text()) for _ in range(10_000)]
    spoken = [(said, recognised) for said, recognised in pairs if said]
    output = jiwer.process_words(*map(list, zip(*spoken, strict=True)))
    symbols, totals = Symbols(), [0, 0, 0, 0]
    for (said, recognised), chunks in zip(spoken, output.alignments, strict=True):
        found = tally(symbols(said.split()), symbols(recognised.split()))
        totals = [a + b for a, b in zip(totals, found, strict=True)]
        steps = align(said, recognised)
        kinds = [key for key, _ in groupby(step.operation for step in steps)]
        assert kinds == [NAMES[chunk.type] for chunk in chunks]
    counted = (output.hits, output.substitutions, output.deletions, output.insertions)
    assert tuple(totals) == counted


@given(SENTENCES, SENTENCES)
def test_an_alignment_spells_both_texts(reference: str, hypothesis: str) -> None:
    steps = align(reference, hypothesis)
    assert [r for _, r, _ in steps if r] == reference.split()
    assert [h for _, _, h in steps if h] == hypothesis.split()
    symbols = Symbols()
    found = tally(symbols(reference.split()), symbols(hypothesis.split()))
    operations = [operation for operation, _, _ in steps]
    assert found == tuple(operations.count(operation) for operation in "CSDI")


def test_align() -> None:
    assert align("the cat sat", "a cat sat down") == [
        ("S", "the", "a"),
        ("C", "cat", "cat"),
        ("C", "sat", "sat"),
        ("I", "", "down"),
    ]
    assert align("a", "") == [("D", "a", "")]
    assert align("", "a b") == [("I", "", "a"), ("I", "", "b")]
    assert align("", "") == []


def test_alignment_text_puts_words_under_words() -> None:
    assert shown("the cat sat on the mat", "a cat sat the mat now") == (
        "REF: the cat sat on the mat ***\n"
        "HYP: a   cat sat ** the mat now\n"
        "OPS: S           D          I"
    )


def test_alignment_text_counts_terminal_columns() -> None:
    reference, hypothesis, _ = shown("你好 e\u0301t", "hi x").splitlines()
    assert reference == "REF: 你好 e\u0301t"
    assert hypothesis == "HYP: hi   x"


def test_alignment_text_of_nothing() -> None:
    assert shown("", "") == "REF:\nHYP:\nOPS:"


def test_long_alignments_are_broken_between_words() -> None:
    text = alignment_text(align("one two three", "one too three"), columns=13)
    assert (
        text == "REF: one two\nHYP: one too\nOPS:     S\nREF: three\nHYP: three\nOPS:"
    )


def test_words_can_be_painted() -> None:
    def paint(operation: str, word: str) -> str:
        return f"<{word}>" if operation == "D" else word

    text = alignment_text(align("a bc d", "a d"), paint=paint)
    assert text == "REF: a <bc> d\nHYP: a <**> d\nOPS:   <D>"
