"""`recipes/translation/names.py`: pairs with rare names."""

from __future__ import annotations

from itertools import islice

from asr.data.pairs import Pair
from tests.script_module import script_module

names = script_module("translation/names.py")


def test_names_are_written_with_capitals_alone():
    texts = ["Tom saw Mary.", "The mary way, the end.", "May I see Tom? I may."]
    assert names.always_capital(texts) == {"Tom"}


def test_names_of_both_sides_change_together():
    pair = Pair("Tom's dog likes Tomas.", "Le chien de Tom aime Tomas.")
    assert names.shared_names(pair, {"Tom", "Tomas"}) == ["Tom", "Tomas"]
    fresh = names.renamed(pair, "Tom", "Zbig")
    assert fresh == Pair("Zbig's dog likes Tomas.", "Le chien de Zbig aime Tomas.")
    assert names.shared_names(Pair("Tom and Tom", "Tom"), {"Tom"}) == []


def test_rare_names_are_not_known():
    found = list(islice(names.rare_names(["abcde B", "known K"], {"known"}), 20))
    assert {sorted(x.lower()) == list("abcde") for x in found} == {True}
    assert all(x.istitle() for x in found)
    assert "Abcde" in found
    assert found == list(islice(names.rare_names(["abcde B"], {"known"}), 20))
