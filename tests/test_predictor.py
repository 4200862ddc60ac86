"""Searches are compiled once, and not kept for ever."""

from __future__ import annotations

from dataclasses import replace

import pytest

import asr


@pytest.fixture(scope="module")
def recognizer(tiny_run):
    return asr.load(tiny_run / "model")


def test_a_search_is_made_once(recognizer):
    assert recognizer.search() is recognizer.search(recognizer.decoding)
    # More readings than the beam holds there are not.
    wide = replace(recognizer.decoding, n_best=99)
    narrow = replace(recognizer.decoding, n_best=recognizer.decoding.beam_size)
    assert recognizer.search(wide) is recognizer.search(narrow)


def test_the_oldest_give_way(recognizer):
    def search(bonus):
        decoding = replace(recognizer.decoding, hotwords=("AB",), hotword_bonus=bonus)
        return recognizer.search(decoding)

    first = search(1.0)
    found = [search(bonus) for bonus in range(2, 10)]
    assert [search(bonus) for bonus in range(2, 10)] == found
    assert search(1.0) is not first
