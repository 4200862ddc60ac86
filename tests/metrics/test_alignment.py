"""Word alignments and their text form."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from asr.metrics.alignment import align, alignment_text

WORDS = st.lists(st.sampled_from(["a", "b", "ab", "ba", "c"]), max_size=9)
SENTENCES = WORDS.map(" ".join)


def shown(reference: str, hypothesis: str) -> str:
    return alignment_text(align(reference, hypothesis))


@given(SENTENCES, SENTENCES)
def test_steps_contain_both_texts(reference: str, hypothesis: str) -> None:
    steps = align(reference, hypothesis)
    assert [r for _, r, _ in steps if r] == reference.split()
    assert [h for _, _, h in steps if h] == hypothesis.split()


def test_any_white_space_separates_words() -> None:
    assert align("a\tb\u00a0c\n", " a  b c") == [("C", w, w) for w in "abc"]


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
