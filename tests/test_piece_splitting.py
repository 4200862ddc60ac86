"""The same words in other pieces."""

from __future__ import annotations

import numpy as np
import pytest

from asr.piece_splitting import PieceSplitter
from asr.tokenizers import train_subwords

TEXTS = [
    "the lowest tower",
    "a lower tower",
    "the newest owl",
    "low tide, new tide",
] * 9


@pytest.fixture(scope="module")
def tokenizer():
    return train_subwords(TEXTS, "unigram", 60)


def test_the_text_stays_the_same_and_its_pieces_do_not(tokenizer):
    split = PieceSplitter(tokenizer.pieces, 0.5)
    random = np.random.default_rng(1)
    for text in TEXTS[:4]:
        tokens = tokenizer.encode(text)
        written = [split(tokens, random) for _ in range(20)]
        assert {tokenizer.decode(found) for found in written} == {text}
    several = {tuple(split(tokenizer.encode(TEXTS[0]), random)) for _ in range(20)}
    assert len(several) > 5


def test_what_is_drawn_follows_from_the_generator(tokenizer):
    split = PieceSplitter(tokenizer.pieces, 0.3)
    tokens = tokenizer.encode(TEXTS[0])
    first, second = (
        [split(tokens, np.random.default_rng(seed)) for seed in range(9)]
        for _ in range(2)
    )
    assert first == second


def test_the_share_is_that_of_pieces_that_can_be_split():
    split = PieceSplitter(("<blank>", "a", "b", "ab", "xyz"), 0.25)
    random = np.random.default_rng(1)
    written = split([3] * 10_000, random)
    assert written.count(1) == written.count(2)
    assert 0.23 < written.count(1) / 10_000 < 0.27
    assert split([0, 1, 4], random) == [0, 1, 4]


def test_halves_are_split_again():
    pieces = ("a", "b", "ab", "abab")
    split = PieceSplitter(pieces, 1.0)
    assert split([3], np.random.default_rng(1)) == [0, 1, 0, 1]
