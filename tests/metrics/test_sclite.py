"""Alignment as sclite's, beside what NIST publishes for its own test cases."""

from __future__ import annotations

import csv
import tracemalloc
from functools import partial
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asr.errors import DataError
from asr.formats.readers import read_references, read_systems, read_texts
from asr.metrics.sclite import Rules, align, rename
from asr.metrics.wer import count, pair

GOLDEN = Path(__file__).parent.parent / "golden" / "sctk"
WORDS = st.lists(st.sampled_from(["a", "b", "ab", "c"]), max_size=7).map(" ".join)


NONE = Rules()


def counts(reference: str, hypothesis: str, rules: Rules = NONE) -> list[int]:
    operations = [step.operation for step in align(reference, hypothesis, rules)]
    return [operations.count(operation) for operation in ("C", "S", "D", "I")]


@pytest.mark.parametrize(
    ("column", "rules"),
    [
        ("none", NONE),
        ("-F", Rules(fragments=True)),
        ("-F -D", Rules(fragments=True, optional=True)),
    ],
)
def test_counts_are_those_that_nist_publishes(column: str, rules: Rules) -> None:
    references = read_texts(GOLDEN / "tests.ref")
    hypotheses = read_texts(GOLDEN / "tests.hyp")
    with (GOLDEN / "expected.tsv").open() as file:
        expected = {
            row["utterance"]: [int(number) for number in row[column].split()]
            for row in csv.DictReader(file, delimiter="\t")
        }
    assert references.keys() == hypotheses.keys() == expected.keys()
    found = {
        name: counts(text, hypotheses[name], rules) for name, text in references.items()
    }
    assert found == expected


with (GOLDEN / "pairs.tsv").open() as rows:
    PAIRS = list(csv.DictReader(rows, delimiter="\t"))


@pytest.mark.parametrize("row", PAIRS, ids=lambda row: row["reference"])
@pytest.mark.parametrize(
    ("column", "rules"),
    [("none", NONE), ("-F", Rules(fragments=True)), ("-D", Rules(optional=True))],
)
def test_counts_of_whole_files(row: dict[str, str], column: str, rules: Rules) -> None:
    references = read_references(GOLDEN / row["reference"])
    references, (system,) = read_systems([GOLDEN / row["hypothesis"]], references)
    texts = system.texts
    if not references.segments:
        texts = rename(references.texts, texts)
    pairs = pair(references.texts, texts)
    found = count(pairs.references, pairs.hypotheses, partial(align, rules=rules))
    assert found[:, :4].sum(axis=0).tolist() == [int(n) for n in row[column].split()]


def test_names_differ_in_ascii_case_alone() -> None:
    assert rename({"A-1": "x", "É-1": "y"}, {"a-1": "x", "é-1": "y"}) == {
        "A-1": "x",
        "é-1": "y",
    }
    with pytest.raises(DataError, match="'a-1' occurs twice"):
        rename({"A-1": "x"}, {"A-1": "x", "a-1": "y"})


@pytest.mark.parametrize("rules", [NONE, Rules(fragments=True)])
def test_long_lines_take_little_memory(rules: Rules) -> None:
    words = [f"w{number % 700}" for number in range(2000)]
    other = ["x" if number % 3 == 0 else word for number, word in enumerate(words)]
    one = "{ um / uh } " + " ".join(words)
    tracemalloc.start()
    found = counts(one, " ".join(other), rules)
    assert tracemalloc.get_traced_memory()[1] < 60e6
    tracemalloc.stop()
    assert found == [1333, 667, 1, 0]


def test_costs_prefer_substitutions_to_gaps_of_the_same_cost() -> None:
    # Three substitutions cost 12, as do two deletions and two insertions.
    assert counts("a b c", "c x y") == [0, 3, 0, 0]


def test_odd_words_are_words() -> None:
    assert counts("and/or 9 / 11", "and/or 9 / 11") == [4, 0, 0, 0]
    assert counts(";x", "") == [0, 0, 1, 0]
    assert counts("() -", "a b", Rules(fragments=True, optional=True)) == [0, 2, 0, 0]


def test_the_alternative_that_was_taken_is_in_the_steps() -> None:
    steps = align("it's { a seventy-two / seventy two } car", "it's seventy two car")
    assert [step.reference for step in steps] == ["it's", "seventy", "two", "car"]
    assert align("{ um / @ }", "") == []


@given(WORDS, WORDS)
def test_an_alignment_spells_both_texts(reference: str, hypothesis: str) -> None:
    steps = align(reference, hypothesis)
    assert " ".join(step.reference for step in steps if step.reference) == reference
    assert " ".join(step.hypothesis for step in steps if step.hypothesis) == hypothesis
    # Nothing lies between deleting all and inserting all, and what was found.
    costs = {"C": 0, "S": 4, "D": 3, "I": 3}
    most = 3 * (len(reference.split()) + len(hypothesis.split()))
    assert sum(costs[step.operation] for step in steps) <= most


@pytest.mark.parametrize("text", ["a { b / c", "a } b", "{ { a / b }", "{" * 60])
def test_braces_that_do_not_match_are_refused(text: str) -> None:
    with pytest.raises(DataError, match="brace"):
        align(text, "a")
