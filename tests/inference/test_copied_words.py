"""Words that a translation invents give way to words of its source."""

from __future__ import annotations

import numpy as np
import pytest

import asr
from asr.formats.attention import TextAttention
from asr.inference.copied_words import invented, with_copied_words

KNOWN = frozenset(["je", "vois", "l", "dans", "le", "parc"])
SOURCE = "I see Zbig's dog, Tom."
PIECES = ("▁I", "▁see", "▁Z", "big", "'s", "▁dog", ",", "▁Tom", ".", "</s>")


def attention(tokens, columns):
    weights = np.eye(len(PIECES))[[*columns, len(PIECES) - 1]]
    return TextAttention(weights, (*tokens, "</s>"), PIECES)


def test_words_that_are_neither_known_nor_in_the_source():
    assert invented("Je vois l'zbig.", SOURCE, KNOWN) == set()
    assert invented("Je vois zbog", SOURCE, KNOWN) == {"zbog"}
    assert invented("12 ?", SOURCE, KNOWN) == set()


def test_an_invented_word_is_copied_from_the_source():
    tokens = ("▁Je", "▁vois", "▁l", "'", "Zb", "og", ".")
    found = attention(tokens, [0, 1, 2, 2, 2, 3, 8])
    text = with_copied_words("Je vois l'Zbog.", SOURCE, KNOWN, found)
    assert text == "Je vois l'Zbig."


def test_marks_of_the_source_are_not_copied():
    weights = np.array([[0.1, 0.9, 0.0], [0.0, 0.0, 1.0]])
    found = TextAttention(weights, ("▁Zbog", "</s>"), ("▁Zbig", "▁?", "</s>"))
    assert with_copied_words("Zbog", "Zbig ?", KNOWN, found) == "Zbig"
    assert with_copied_words("Zbog", "! ?", KNOWN, found) == "Zbog"


def test_a_text_without_such_words_stays():
    found = attention(("▁Je", "▁vois"), [0, 1])
    assert with_copied_words("Je vois", SOURCE, KNOWN, found) == "Je vois"
    # Pieces that are not those of the text tell nothing.
    assert with_copied_words("Je zut vois", SOURCE, KNOWN, found) == "Je zut vois"


@pytest.mark.parametrize(
    "name", ["Grzegorz", "Wojciechowski", "Kraków", "Bjørn", "Tigissez"]
)
def test_en_fr_copies_names(name):
    text = asr.load_text("en-fr").generate(f"Where is {name}?").text
    assert name in text
