"""Pronunciations by the bundled model, and lexicon search for words that it added."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import asr
from asr.errors import DataError
from asr.inference.pronouncer import pronounce
from asr.inference.rescoring import RescoringDecoder
from asr.language_model.open_vocabulary import UNKNOWN, token_of

RIVER = Path(__file__).parents[2] / "data" / "samples" / "river.wav"
NAME = "ZABRINSKI"


@pytest.fixture(scope="module")
def recognizer():
    return asr.load("english")


@pytest.fixture(scope="module")
def samples(recognizer):
    from asr.audio import io

    return io.read(RIVER, recognizer.rate)


def first_pass(recognizer, **changes):
    decoder = recognizer.search(replace(recognizer.decoding, **changes))
    assert isinstance(decoder, RescoringDecoder)
    return decoder.first_pass


def test_words_have_distinct_pronunciations_the_usual_first(recognizer):
    phones = recognizer.config.model.phones
    found = pronounce(["HELLO", NAME, "\u042f", "A" * 50], phones, 3)
    assert list(found) == ["HELLO", NAME]
    assert found["HELLO"][0] == ("HH", "EH", "L", "OW")
    assert (found[NAME][0][0], found[NAME][0][2]) == ("Z", "B")
    for pronunciations in found.values():
        assert len(set(pronunciations)) == len(pronunciations) == 3
        assert all(set(phones).issuperset(it) for it in pronunciations)
    assert pronounce(["HELLO"], phones, 1) == {"HELLO": found["HELLO"][:1]}
    assert pronounce(["HELLO"], ("HH", "AA"), 3) == {}
    assert pronounce([], phones, 3) == {}


def test_unknown_hotwords_are_added_to_the_lexicon(recognizer):
    language = asr.load_language_model(recognizer.decoding.language_model)
    assert token_of(language.words, NAME) == UNKNOWN
    plain = first_pass(recognizer)
    for changes in ({"hotwords": ("zabrinski river",)}, {"words": (NAME, "the")}):
        search = first_pass(recognizer, **changes)
        assert len(search.names) == len(plain.names) + 1
        assert search.names[len(plain.names)] == NAME
        assert (search.hotwords is None) == ("words" in changes)
    known = first_pass(recognizer, words=("the", "river"))
    assert known.tree is not plain.tree
    for one, other in zip(known.tree, plain.tree, strict=True):
        np.testing.assert_array_equal(one, other)


def test_a_name_that_is_not_said_changes_no_text(recognizer):
    text = recognizer.transcribe(RIVER).text
    for changes in ({"hotwords": (NAME,)}, {"words": (NAME,)}):
        decoding = replace(recognizer.decoding, **changes)
        assert recognizer.transcribe(RIVER, decoding=decoding).text == text


@pytest.mark.parametrize(
    "prefix", ["the old man", "the old men", "A man walked", "Zabrinski and"]
)
def test_a_prefix_begins_the_first_text_only(recognizer, samples, prefix):
    decoding = replace(recognizer.decoding, prefix=prefix)
    decoder = recognizer.search(decoding)
    assert isinstance(decoder, RescoringDecoder)
    short = np.zeros(800, "float32")
    found = decoder.decode([samples, samples, short], [True, False, True]).hypotheses
    begun, free, cut_off = map(recognizer.task.decode, found.tokens[:, 0])
    assert begun.startswith(prefix.upper() + " ")
    assert free == recognizer.transcribe(RIVER).text
    assert cut_off == prefix.upper()
    assert len(begun.split()) > len(prefix.split()) + 2  # what comes after is heard


def test_a_prefix_that_cannot_be_said(recognizer, monkeypatch):
    monkeypatch.setattr("asr.inference.decoders.pronounce", lambda *_: {})
    with pytest.raises(DataError, match=r"prefix: no pronunciation of 'XQZX'"):
        recognizer.search(replace(recognizer.decoding, prefix="the xqzx"))
