"""The bundled `en-fr` on everyday sentences that it was not trained on."""

from __future__ import annotations

import re

import pytest

import asr
from asr.corpora.text import text_corpus
from tests.script_module import script_module

everyday = script_module("translation/everyday.py")


@pytest.fixture(scope="module")
def entries():
    return everyday.sentences()


def test_marks_case_and_hyphens_do_not_count():
    text = "Comment allez\u2011vous aujourd\u2019hui\u00a0?"
    assert everyday.plain(text) == "comment allez vous aujourd'hui"
    assert everyday.is_accepted(text, "comment (allez vous|vas tu) aujourd'hui")
    assert not everyday.is_accepted(text, "comment allez vous")


def test_an_expression_accepts_no_english_and_not_everything(entries):
    assert len(entries) > 60
    for sentence, expression in entries.items():
        assert re.fullmatch(expression, everyday.plain(sentence)) is None
        assert re.fullmatch(expression, "") is None


def test_most_are_accepted(entries):
    found = asr.load_text("en-fr").generate_many(entries)
    accepted = [everyday.is_accepted(x.text, entries[x.source]) for x in found]
    assert sum(accepted) / len(accepted) >= 0.7


def test_none_is_in_the_data(entries, data_root):
    root = data_root / "text" / "tatoeba-eng-fra"
    known = {everyday.plain(x.source) for x in text_corpus("tatoeba")(root, "train")}
    assert known.isdisjoint(map(everyday.plain, entries))
