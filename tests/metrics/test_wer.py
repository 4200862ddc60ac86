"""Word and character error rates, against counts by hand, brute force and jiwer."""

from __future__ import annotations

import dataclasses
import json
from functools import cache

import jiwer
import pytest
from hypothesis import given
from hypothesis import strategies as st

from asr.errors import UsageError
from asr.metrics import sclite
from asr.metrics.wer import (
    confusions,
    count,
    out_of_vocabulary,
    score,
    total,
    total_by,
)

WORDS = st.lists(st.sampled_from(["a", "b", "ab", "ba", "c"]), max_size=7)
SENTENCES = WORDS.map(" ".join)
PAIRS = st.lists(st.tuples(SENTENCES, SENTENCES), max_size=6)
SPOKEN = WORDS.filter(bool).map(" ".join)


def distance(first: tuple[str, ...], second: tuple[str, ...]) -> int:
    """The definition of Levenshtein's distance, word for word."""

    @cache
    def rest(i: int, j: int) -> int:
        if i == len(first) or j == len(second):
            return len(first) - i + len(second) - j
        return min(
            rest(i + 1, j + 1) + (first[i] != second[j]),
            rest(i + 1, j) + 1,
            rest(i, j + 1) + 1,
        )

    return rest(0, 0)


def test_counts_worked_out_by_hand() -> None:
    # the cat sat on the mat -> a cat sat the mat now: S (a), D (on), I (now)
    result = score(["the cat sat on the mat", "yes"], ["a cat sat the mat now", "yes"])
    assert (result.hits, result.substitutions) == (5, 1)
    assert (result.deletions, result.insertions) == (1, 1)
    assert (result.words, result.errors) == (7, 3)
    assert (result.utterances, result.sentence_errors) == (2, 1)
    assert result.wer == pytest.approx(3 / 7)
    assert result.mer == pytest.approx(3 / 8)
    assert result.wil == pytest.approx(1 - (5 / 7) * (5 / 7))
    assert result.sentence_error_rate == 0.5
    # the -> a: 3 edits; "on " deleted: 3; " now" inserted: 4
    assert (result.characters, result.character_errors) == (25, 10)
    assert result.cer == pytest.approx(10 / 25)


def test_the_character_error_rate_counts_spaces() -> None:
    assert score(["a b"], ["ab"]).character_errors == 1


def test_layout_is_no_error() -> None:
    assert score([" a  b\tc\n"], ["a b c"]).cer == 0.0
    assert score([" a  b\tc\n"], ["a b c"]).sentence_errors == 0


@pytest.mark.parametrize(
    ("references", "hypotheses", "wer", "cer", "mer", "wil"),
    [
        ([], [], 0.0, 0.0, 0.0, 0.0),
        ([""], [""], 0.0, 0.0, 0.0, 0.0),
        ([""], ["a bc"], 2.0, 4.0, 1.0, 1.0),
        (["", "  "], ["a", "b"], 2.0, 2.0, 1.0, 1.0),
        (["a bc"], [""], 1.0, 1.0, 1.0, 1.0),
        (["a", ""], ["a", "b"], 1.0, 1.0, 0.5, 0.5),
    ],
)
def test_empty_texts(  # the figures are the point of the test
    references: list[str],
    hypotheses: list[str],
    wer: float,
    cer: float,
    mer: float,
    wil: float,
) -> None:
    result = score(references, hypotheses)
    assert (result.wer, result.cer, result.mer, result.wil) == (wer, cer, mer, wil)


def test_an_empty_reference_does_not_shift_the_rest() -> None:
    result = score(["a b", "", "c d"], ["a b", "x", "c d"])
    assert (result.hits, result.insertions, result.errors) == (4, 1, 1)


@given(SENTENCES, SENTENCES)
def test_errors_are_the_edit_distance(reference: str, hypothesis: str) -> None:
    result = score([reference], [hypothesis])
    words = distance(tuple(reference.split()), tuple(hypothesis.split()))
    assert result.errors == words
    assert result.character_errors == distance(tuple(reference), tuple(hypothesis))


@given(st.lists(st.text()))
def test_a_text_is_its_own_perfect_transcript(texts: list[str]) -> None:
    result = score(texts, texts)
    assert result.wer == result.cer == result.mer == result.sentence_error_rate == 0
    assert result.wil == 0
    assert result.hits == sum(len(text.split()) for text in texts)


@given(st.lists(st.tuples(SPOKEN, SENTENCES), min_size=1, max_size=6))
def test_rates_are_those_of_jiwer(pairs: list[tuple[str, str]]) -> None:
    references, hypotheses = map(list, zip(*pairs, strict=True))
    result = score(references, hypotheses)
    words = jiwer.process_words(references, hypotheses)
    assert result.wer == pytest.approx(words.wer)
    assert result.mer == pytest.approx(words.mer)
    assert result.wil == pytest.approx(words.wil)
    assert result.cer == pytest.approx(jiwer.cer(references, hypotheses))


@given(PAIRS.filter(bool))
def test_the_whole_is_the_sum_of_its_parts(pairs: list[tuple[str, str]]) -> None:
    whole = dataclasses.astuple(score([r for r, _ in pairs], [h for _, h in pairs]))
    parts = [dataclasses.astuple(score([r], [h])) for r, h in pairs]
    assert whole == tuple(map(sum, zip(*parts, strict=True)))


@given(PAIRS)
def test_rates_stay_in_their_ranges(pairs: list[tuple[str, str]]) -> None:
    result = score([r for r, _ in pairs], [h for _, h in pairs])
    assert 0 <= result.mer <= 1
    assert 0 <= result.wil <= 1
    assert 0 <= result.sentence_error_rate <= 1
    assert min(result.wer, result.cer) >= 0


def test_confusions_come_most_frequent_first() -> None:
    references = ["two cats to", "to", "a the", ""]
    hypotheses = ["too cats two", "two", "the", "uh"]
    assert confusions(references, hypotheses) == [
        (("S", "to", "two"), 2),
        (("I", "", "uh"), 1),
        (("D", "a", ""), 1),
        (("S", "two", "too"), 1),
    ]
    assert confusions(references, hypotheses, top=1) == [(("S", "to", "two"), 2)]
    assert confusions(references, references) == []


def test_total_by_group() -> None:
    counts = count(["a", "b", "c d"], ["a", "x", "c"])
    scores = total_by(counts, ["ann", "bob", "ann"])
    assert list(scores) == ["ann", "bob"]
    assert scores["ann"] == score(["a", "c d"], ["a", "c"])
    assert scores["bob"].wer == 1.0


@pytest.mark.parametrize("function", [score, confusions])
def test_different_lengths_are_refused(function: object) -> None:
    assert callable(function)
    with pytest.raises(UsageError, match="2 references but 1 hypotheses"):
        function(["a", "b"], ["a"])


def test_total_by_refuses_different_lengths() -> None:
    with pytest.raises(UsageError, match="2 utterances and 1 groups"):
        total_by(count(["a", "b"], ["a", "b"]), ["ann"])


def test_an_aligner_decides_what_is_counted() -> None:
    references = ["a b c", "well { um / uh / @ } yes"]
    hypotheses = ["c x y", "well uh yes"]
    # The fewest errors are 3 substitutions or 2 deletions and 2 insertions less 1 hit.
    result = total(count(references, hypotheses, sclite.align))
    assert (result.hits, result.substitutions, result.words) == (3, 3, 6)
    assert result.characters == len("a b c") + len("well uh yes")
    assert result.character_errors == 3


def test_out_of_vocabulary() -> None:
    assert out_of_vocabulary(["the cat", "the dog"], {"the"}) == 0.5
    assert out_of_vocabulary([""], {"the"}) == 0.0


def test_to_json_has_rates_and_counts() -> None:
    result = score(["a b"], ["a c d"])
    assert json.loads(json.dumps(result.to_json())) == {
        "wer": 1.0,
        "cer": pytest.approx(1.0),
        "mer": pytest.approx(2 / 3),
        "wil": pytest.approx(1 - 1 / 6),
        "sentence_error_rate": 1.0,
        "words": 2,
        "hits": 1,
        "substitutions": 1,
        "deletions": 0,
        "insertions": 1,
        "utterances": 1,
        "sentence_errors": 1,
        "characters": 3,
        "character_errors": 3,
    }


def test_summary_reads_well() -> None:
    summary = score(["the cat sat", "yes"], ["a cat sat", "yes"]).summary()
    assert summary == (
        "WER 25.00%  CER 21.43%  MER 25.00%  WIL 43.75%  sentence errors 50.00%\n"
        "words      4: 3 correct, 1 substituted, 0 deleted, 0 inserted\n"
        "characters 14: 3 errors\n"
        "utterances 2: 1 with errors"
    )
