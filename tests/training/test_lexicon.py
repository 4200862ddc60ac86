"""Pronunciations of training texts: a file, or a bundled language model."""

from __future__ import annotations

from dataclasses import replace

import pytest

import asr
from asr.errors import DataError
from asr.training.lexicon import lexicon_of, pronunciations


@pytest.fixture
def recipe():
    return asr.load_recipe("fine_tune")


def test_the_language_model_and_pronounce_say_all_words(recipe):
    found = pronunciations(recipe, {"RIVER", "KOWALCZYK"})
    assert found["RIVER"][0] == ("R", "IH", "V", "ER")
    assert set(found["KOWALCZYK"][0]) <= set(recipe.model.phones)
    assert len(found) == 2


def test_a_file_is_taken_as_it_is(recipe, tmp_path, monkeypatch):
    monkeypatch.setenv("ASR_DATA", str(tmp_path))
    (tmp_path / "lexicon.txt").write_text("RIVER R IH1 V ER0\n")
    recipe = replace(recipe, data=replace(recipe.data, lexicon="lexicon.txt"))
    found = pronunciations(recipe, {"RIVER", "KOWALCZYK"})
    assert found == {"RIVER": (("R", "IH", "V", "ER"),)}


def test_all_phones_must_be_those_of_the_model(recipe):
    recipe = replace(recipe, model=replace(recipe.model, phones=("AA",)))
    with pytest.raises(DataError, match="is not among model"):
        lexicon_of(recipe)
