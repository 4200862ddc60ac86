"""Automata of prefixes and hotwords."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from asr.decoding.hotwords import phrases_automaton, prefix_automaton
from asr.decoding.scorers import NEVER
from asr.errors import DataError

SPACE, END = 3, 2
LETTERS = {" ": SPACE, "a": 4, "b": 5, "c": 6}


def tokens(text):
    return [LETTERS[letter] for letter in text]


def total(automaton, text, *, ended=True):
    state, score = automaton.start, 0.0
    for token in tokens(text) + [END] * ended:
        score += automaton.scores[state, token]
        state = automaton.following[state, token]
    return score


def rewarding(*phrases):
    return phrases_automaton(map(tokens, phrases), 7, bonus=1.0, space=SPACE, end=END)


@pytest.mark.parametrize(
    ("phrases", "text", "score"),
    [
        (["ab"], "ab", 2),
        (["ab"], "ab ab c", 4),
        (["ab"], "abc", 0),  # another word
        (["ab"], "cab", 0),
        (["ab"], "a b", 0),
        (["ab c"], "ab c", 4),
        (["ab c"], "ab a", 0),
        (["ab", "ab c"], "ab c", 4),
        (["ab", "ab c"], "ab a", 2),  # the shorter one stays
        (["ab", "ab c"], "ab cc ab", 4),
        (["a b c", "b a"], "a b a", 3),  # one gives way to another
        (["a b c", "b"], "a b a", 1),  # one inside of another
        (["a b c", "b"], "a b c", 5),
        (["ab"], " ab ", 2),
        (["a", "ab", "abc"], "abc a", 4),
        ([], "abc", 0),
        ([""], "abc", 0),
    ],
)
def test_phrases_are_rewarded_as_whole_words(phrases, text, score):
    assert total(rewarding(*phrases), text) == score


@pytest.mark.parametrize(
    ("text", "score"),
    [("ab", 1.5), ("ac", 1.0), ("b c", 6.0), ("a", 0.0), ("ab c", 1.5), ("b ab", 1.5)],
)
def test_each_phrase_may_have_its_own_bonus(text, score):
    """What begins alike has the lower one: a with 0.5, then b with 1."""
    automaton = phrases_automaton(
        map(tokens, ["ab", "ac", "b c"]), 7, bonus=[1, 0.5, 2], space=SPACE, end=END
    )
    assert total(automaton, text) == pytest.approx(score)


def test_rewards_are_given_per_token_and_taken_back():
    automaton = rewarding("abc")
    assert total(automaton, "ab", ended=False) == 2
    assert total(automaton, "aba", ended=False) == 0


TEXTS = st.text("abc ", max_size=14)
PHRASES = st.lists(
    st.lists(st.text("abc", min_size=1, max_size=3), min_size=1, max_size=3).map(
        " ".join
    ),
    max_size=4,
)


@settings(max_examples=300, deadline=None)
@given(phrases=PHRASES, text=TEXTS)
def test_only_texts_with_a_phrase_gain(phrases, text):
    score = total(rewarding(*phrases), text)
    padded = f" {text} "
    there = [phrase for phrase in phrases if f" {phrase} " in padded]
    assert score >= max(map(len, there), default=0) - 1e-6
    assert there or score == 0


def test_a_prefix_binds_the_beginning_only():
    automaton = prefix_automaton(tokens("ab"), 7)
    assert total(automaton, "ab") == total(automaton, "abcab") == 0
    assert total(automaton, "b") < 0.5 * NEVER
    assert total(automaton, "a") < 0.5 * NEVER  # ends too early
    assert total(prefix_automaton([], 7), "cab") == 0


@pytest.mark.parametrize(
    ("phrases", "message"),
    [([[3] * 201], "at most 200 characters, got 201"),
     ([[3 + i % 7, *[3] * 150, i] for i in range(700)], "at most 100,000 characters")],
)  # fmt: skip
def test_long_hotwords_are_refused(phrases, message):
    with pytest.raises(DataError, match=message):
        phrases_automaton(phrases, 1000, bonus=1.0, space=3, end=2)
