"""Word scores on top of letters, and the prefix tree of a lexicon."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from asr.decoding.hotwords import text_score
from asr.decoding.prefix_tree import ROOT, lexicon
from asr.decoding.scorers import Automaton, WordScorer
from asr.language_model.kneser_ney import train_ngrams
from asr.language_model.tables import ngram_automaton, word_ngrams

SPACE, END, VOCABULARY = 3, 2, 7
UNKNOWN, WEIGHT = 3, 0.7
SPELLINGS = {(4,): 4, (4, 5): 5, (5, 4, 6): 6, (6, 6): 7}
WORDS = st.lists(st.integers(4, 6), min_size=1, max_size=4).map(tuple)
TEXTS = st.lists(st.integers(3, 6), max_size=12)


def tree(spellings):
    return lexicon(
        [list(word) for word in spellings], list(spellings.values()), VOCABULARY,
        space=SPACE, unknown=UNKNOWN,
    )  # fmt: skip


@settings(max_examples=60, deadline=None)
@given(words=st.sets(WORDS, max_size=12), others=st.sets(WORDS, max_size=6))
def test_every_word_has_its_node_and_nothing_else_has(words, others):
    spellings = dict(zip(sorted(words, reverse=True), itertools.count(4), strict=False))
    found = tree(spellings)
    assert found.words[ROOT] == 0
    for word in {*words, *others}:
        node = ROOT
        for letter in word:
            node = found.children[node, letter]
        assert found.words[node] == spellings.get(word, UNKNOWN)
        assert found.children[node, SPACE] == ROOT
    assert len(found.words) == 2 + len(
        {w[:n] for w in words for n in range(1, 5)} - {()}
    )


@pytest.fixture(scope="module")
def ngrams():
    """N-grams of words, of which some are unknown."""
    random = np.random.default_rng(5)
    texts = [random.integers(3, 8, random.integers(1, 7)).tolist() for _ in range(40)]
    return train_ngrams(texts, 8, start=1, end=END, least=(1, 2), rare=2)


@pytest.fixture(scope="module")
def words(ngrams):
    random = np.random.default_rng(6)
    scores = -random.uniform(0.1, 3.0, (5, VOCABULARY)).astype("float32")
    following = random.integers(0, 5, scores.shape).astype("int32")
    found = tree(SPELLINGS)
    return WordScorer(
        Automaton(scores, following, 2), found, word_ngrams(ngrams),
        UNKNOWN, SPACE, END, WEIGHT,
        random.normal(size=len(found.words)).astype("float32"),
    )  # fmt: skip


def node_of(words, word):
    node = ROOT
    for letter in word:
        node = words.lexicon.children[node, letter]
    return node


def expected(words, ngrams, text):
    """What a text is worth, word by word, by the states of all word n-grams."""
    whole = ngram_automaton(ngrams)
    state, history = words.start, whole.start
    total, spent, word = 0.0, 0.0, ()
    for token in (*text, END):
        gain = float(words.letters.scores[state, token])
        state = words.letters.following[state, token]
        if token in (SPACE, END):
            total += float(words.bonus[node_of(words, word)])
            if word:
                number = SPELLINGS.get(word, UNKNOWN)
                total += WEIGHT * float(whole.scores[history, number])
                history = whole.following[history, number]
            if word not in SPELLINGS:
                total += spent + gain
            elif token == END:
                total += gain
            spent, word = 0.0, ()
        else:
            spent += gain
            word += (token,)
    return total


@settings(max_examples=100, deadline=None)
@given(texts=st.lists(TEXTS, min_size=1, max_size=3))
def test_word_scores_equal_word_ngrams(words, ngrams, texts):
    rows = [[*text, END] for text in texts]
    found = text_score(words, rows)
    total = sum(expected(words, ngrams, text) for text in texts)
    assert found == pytest.approx(total, abs=0.01)


def test_without_trigrams(words, ngrams):
    """Too few texts leave an empty table."""
    short = train_ngrams([[4], [5]], 8, start=1, end=END, least=(1, 2), rare=2)
    assert len(short.levels) == 1
    automaton = words._replace(ngrams=word_ngrams(short))
    found = text_score(automaton, [[4, 3, 4, 5, END]])
    assert found == pytest.approx(expected(automaton, short, [4, 3, 4, 5]), abs=0.01)
