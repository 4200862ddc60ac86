"""Lexicon search against enumeration of all texts."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from asr.arrays import pad_rows
from asr.decoding.hotwords import HotwordScorer, phrases_automaton
from asr.decoding.lexicon_search import LexiconSearch
from asr.decoding.prefix_tree import ROOT, PhoneTree, SearchTree, phone_tree
from asr.language_model.open_vocabulary import OpenVocabulary
from tests.dense_trigrams import FIRST, DenseTrigrams

# Words 4 to 8: a part of another, one said in two ways, two that sound alike.
NAMES = ["", "", "", "", "ab", "abc", "c", "see", "b"]
SPOKEN = [((1, 2), 4), ((1, 2, 3), 5), ((3,), 6), ((3,), 7), ((2,), 8), ((2, 1), 8)]
END = 2
CHANCES = np.random.default_rng(4).dirichlet(np.ones(9), size=(9, 9))
TOY = DenseTrigrams(CHANCES)


def predict(before, last, word):
    return np.log(CHANCES[before, last, word])


def hotwords(*phrases, bonus=0.5):
    """Reward each letter of phrases; tokens from 3 on are a space and letters."""
    tokens = {letter: number for number, letter in enumerate(" abces", start=3)}
    automaton = phrases_automaton(
        [[tokens[letter] for letter in phrase] for phrase in phrases],
        9,
        bonus=bonus,
        space=3,
        end=END,
    )
    spelled = [[tokens[letter] for letter in name] for name in NAMES]
    return HotwordScorer(automaton, pad_rows(spelled, 3, "int32"), space=3, end=END)


def search(**options):
    pronunciations, words = zip(*SPOKEN, strict=True)
    scores = 0.7 * np.log(CHANCES.mean((0, 1)))
    if options.get("hotwords"):
        scores += options["hotwords"].best_gains()
    tree = phone_tree(pronunciations, words)
    options = {"weight": 0.7, "beam": 10**6, "width": np.inf, **options}
    found = SearchTree(tree, tree.lookahead(scores))
    return LexiconSearch(found, TOY, NAMES, **options)


def frames(seed, count, sharpness=2.0):
    logits = sharpness * np.random.default_rng(seed).normal(size=(count, 4))
    return np.log(np.exp(logits) / np.exp(logits).sum(-1, keepdims=True))


def ctc(log_probs, phones):
    """Sum over all alignments, one frame at a time."""
    total = 0.0
    for path in itertools.product(range(4), repeat=len(log_probs)):
        collapsed = [k for k, _ in itertools.groupby(path) if k]
        if collapsed == list(phones):
            total += np.exp(sum(row[k] for row, k in zip(log_probs, path, strict=True)))
    return total


def everything(log_probs, weight, rewarded="", spoken=SPOKEN, first=()):
    """Score all texts of up to three words, by all their pronunciations.

    Each letter of what is rewarded, a word or two, adds 0.5. A text begins with `first`
    words, in all ways of saying them.
    """
    sounds = {}
    ways = [[entry for entry in SPOKEN if entry[1] == word] for word in first]
    for count in range(4 - len(first)):
        for choice in itertools.product(*ways, *[spoken] * count):
            text = tuple(word for _, word in choice)
            phones = [phone for way, _ in choice for phone in way]
            sounds[text] = sounds.get(text, 0.0) + ctc(log_probs, phones)
    found = []
    for text, sound in sounds.items():
        if sound:
            context = [FIRST, FIRST, *text]
            steps = zip(context, context[1:], [*text, END], strict=False)
            log_prob = sum(float(predict(*step)) for step in steps)
            words = tuple(NAMES[word] for word in text)
            times = f"  {'  '.join(words)}  ".count(f" {rewarded.replace(' ', '  ')} ")
            reward = 0.5 * len(rewarded) * times if rewarded else 0.0
            score = np.log(sound) + weight * log_prob + reward
            found.append((score, words, np.log(sound), log_prob, reward))
    return sorted(found, reverse=True)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("rewarded", ["", "see", "ab c", "b b"])
def test_a_full_beam_equals_enumeration(seed, rewarded):
    log_probs = frames(seed, 3)
    expected = everything(log_probs, 0.7, rewarded)
    options = {"hotwords": hotwords(rewarded)} if rewarded else {}
    found = search(**options)(log_probs, 1000)
    assert [it.words for it in found] == [words for _, words, *_ in expected]
    for it, (_, _, sound, text, reward) in zip(found, expected, strict=True):
        assert it.acoustic == pytest.approx(sound, abs=1e-9)
        assert it.language == pytest.approx(text, abs=1e-9)
        assert it.reward == pytest.approx(reward, abs=1e-6)
    assert search(**options)(log_probs, 2) == found[:2]


def test_hotwords_beat_likelier_words():
    logits = np.random.default_rng(0).normal(size=(40, 4))
    log_probs = logits - np.log(np.exp(logits).sum(-1, keepdims=True))
    narrow = {"beam": 5, "width": 8.0}

    def times(**options):
        (found,) = search(**narrow, **options)(log_probs, 1)
        return " ".join(found.words).count("see b")

    assert times() < times(hotwords=hotwords("see b", "ab", bonus=1.5))


def test_best_gains_of_hotwords():
    most = hotwords("ab c", "see").best_gains()
    by_name = dict(zip(NAMES, most, strict=True))
    # c with the space before it; what has begun, and a space, may yet be taken back.
    assert by_name == pytest.approx(
        {"": 0.0, "ab": 1.5, "abc": 0.0, "c": 0.5, "see": 1.5, "b": 0.0}
    )


@pytest.mark.parametrize("seed", range(5))
def test_a_narrow_beam_finds_clear_speech(seed):
    random = np.random.default_rng(seed)
    said = [("ab", (1, 2)), ("abc", (1, 2, 3)), ("c", (3,))]
    words, spoken = zip(*(said[i] for i in random.integers(3, size=12)), strict=True)
    logits = random.normal(size=(2 * sum(map(len, spoken)), 4))
    phones = np.concatenate(spoken)
    logits[np.arange(len(phones)) * 2, phones] += 9
    logits[1::2, 0] += 9
    log_probs = logits - np.log(np.exp(logits).sum(-1, keepdims=True))
    found, *_ = search(beam=20, width=14.0, weight=0.1)(log_probs, 1)
    assert "".join(found.words).replace("see", "c") == "".join(words)


def test_the_language_model_chooses_among_homophones():
    said = np.log(np.array([[0.01, 0.01, 0.01, 0.97], [0.97, 0.01, 0.01, 0.01]]))
    both = {it.words: it for it in search()(said, 20) if it.words in {("c",), ("see",)}}
    assert both["c",].acoustic == pytest.approx(both["see",].acoustic)
    likelier = max(both.values(), key=lambda it: it.language)
    assert search()(said, 1)[0].words == likelier.words


@pytest.mark.parametrize("seed", range(6))
def test_entries_with_one_future_are_recombined(seed):
    """What is left out can never win: the best is still the best of all there is."""
    log_probs = frames(seed, 5)
    expected = everything(log_probs, 0.7)[0]
    finder = search()
    found, *others = finder(log_probs, 1000)
    assert found.words == expected[1]
    ends = [it.words[-3:] for it in (found, *others) if len(it.words) > 3]
    assert len(set(ends)) == len(ends)


def test_a_cut_off_word_is_dropped():
    """Half a word is none, and what was said before it stays; silence is no word."""
    clear = np.full((4, 4), 1e-9)
    clear[[0, 1, 2, 3], [3, 0, 1, 0]] = 1 - 3e-9  # c, and the beginning of ab or abc
    found = search(width=5.0)(np.log(clear[2:]), 3)
    assert [it.words for it in found] == [()]
    found = search(width=5.0)(np.log(clear), 3)
    assert {it.words for it in found} == {("c",), ("see",)}
    silence = np.log(np.array([[1 - 3e-9, 1e-9, 1e-9, 1e-9]] * 5))
    (found,) = search(width=5.0)(silence, 3)
    assert found.words == ()


def test_the_tree():
    pronunciations, words = zip(*SPOKEN, strict=True)
    unigrams = np.log(np.arange(1.0, 10.0) / 45)
    tree = phone_tree(pronunciations, words)
    lookahead, found = tree.lookahead(unigrams), {}

    def walk(node, phones):
        ending = tree.words[tree.begin[node] : tree.begin[node + 1]]
        found.update({(phones, int(word)): None for word in ending})
        below = list(map(int, ending))
        for child in range(tree.first[node], tree.first[node] + tree.children[node]):
            below += walk(child, (*phones, int(tree.phones[child])))
        if node != ROOT:
            best = max(unigrams[word] for word in below)
            assert lookahead[node] == pytest.approx(best)
        return below

    assert sorted(walk(ROOT, ())) == sorted(words)
    assert set(found) == set(SPOKEN)
    assert lookahead[ROOT] == 0
    assert dict.fromkeys(tree.pronunciations()) == found
    again = PhoneTree.from_arrays(*tree.arrays().values())
    for one, other in zip(tree, again, strict=True):
        np.testing.assert_array_equal(one, other)


def test_a_batch_equals_one_by_one():
    random = np.random.default_rng(8)
    lengths = [5, 9, 0, 1, 9, 12]
    heard = [np.log(random.dirichlet(np.ones(4), size=length)) for length in lengths]
    finder = search(beam=6, width=4.0, hotwords=hotwords("see"))
    one_by_one = [finder(log_probs, 5) for log_probs in heard]
    assert finder.batch(heard, 5) == one_by_one
    assert finder.batch([], 5) == []


def parts(spoken):
    """Return a tree of some pronunciations."""
    return phone_tree(*zip(*spoken, strict=True))


@pytest.mark.parametrize("count", [1, 3, 5])
@pytest.mark.parametrize("seed", range(3))
def test_words_that_are_added_to_a_tree_are_words_like_others(count, seed):
    scores = 0.7 * np.log(CHANCES.mean((0, 1)))
    first, second = parts(SPOKEN[:count]), parts(SPOKEN[count:])
    tree = SearchTree(first, first.lookahead(scores))
    tree = tree.joined(second, second.lookahead(scores))
    log_probs = frames(seed, 3)
    finder = LexiconSearch(tree, TOY, NAMES, weight=0.7, beam=10**6, width=np.inf)
    found, expected = finder(log_probs, 1000), everything(log_probs, 0.7)
    assert [it.words for it in found] == [words for _, words, *_ in expected]
    for it, (_, _, sound, text, _) in zip(found, expected, strict=True):
        assert it.acoustic == pytest.approx(sound, abs=1e-9)
        assert it.language == pytest.approx(text, abs=1e-9)


def test_trees_stay_as_they_are_when_others_are_added():
    first, second = parts(SPOKEN[:3]), parts(SPOKEN[3:])
    before = [array.copy() for array in (*first, *second)]
    tree = SearchTree(first, first.lookahead(np.zeros(9)))
    tree.joined(second, second.lookahead(np.zeros(9))).begun(second)
    for old, new in zip(before, (*first, *second), strict=True):
        np.testing.assert_array_equal(old, new)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("prefix", ["b", "ab", "b c"])
def test_texts_begin_with_a_prefix(seed, prefix):
    """A prefix is one added word, said in each way of saying its words."""
    numbers = [NAMES.index(name) for name in prefix.split()]
    ways = [[entry[0] for entry in SPOKEN if entry[1] == word] for word in numbers]
    spoken = [sum(way, ()) for way in itertools.product(*ways)]
    scores = 0.7 * np.log(CHANCES.mean((0, 1)))
    tree = parts(SPOKEN)
    tree = SearchTree(tree, tree.lookahead(scores))
    tree = tree.begun(parts([(way, len(NAMES)) for way in spoken]))
    language = OpenVocabulary(TOY, len(NAMES), [numbers])
    finder = LexiconSearch(
        tree, language, [*NAMES, prefix], weight=0.7, beam=10**6, width=np.inf
    )
    log_probs = frames(seed, 3)
    expected = everything(log_probs, 0.7, first=numbers)
    found = finder(log_probs, 1000)
    assert [" ".join(it.words) for it in found] == [" ".join(it[1]) for it in expected]
    for it, (_, _, sound, text, _) in zip(found, expected, strict=True):
        assert it.acoustic == pytest.approx(sound, abs=1e-9)
        assert it.language == pytest.approx(text, abs=1e-9)
    # Later segments of a recording go on without the prefix.
    later, first = finder.batch([log_probs, log_probs], 1000, [False, True])
    assert first == found
    assert [it.words for it in later] == [it[1] for it in everything(log_probs, 0.7)]


def test_pronunciations_of_a_word():
    tree = parts(SPOKEN)
    for word in range(4, 9):
        expected = {spoken for spoken, number in SPOKEN if number == word}
        assert set(tree.spoken(word)) == expected
    assert tree.spoken(3) == []
