"""Pronunciation lexicons: reading, writing, looking up."""

from __future__ import annotations

import pytest

from asr.errors import DataError
from asr.text.normalizers import normalizer
from asr.text.pronunciation import inventory, phones_of, read_lexicon, write_lexicon

LINES = """\
;;; a comment
tomato T AH0 M EY1 T OW2
tomato(2) T AH0 M AA1 T OW2
tomato(3) T AH2 M AA0 T OW1

a.d. EY2 D IY1 # two words in normal form
'em AH0 M  # an apostrophe
!exclamation-point EH2 K S
%percent P ER0 S EH1 N T
"""


@pytest.fixture
def lexicon(tmp_path):
    path = tmp_path / "lexicon.txt"
    path.write_text(LINES)
    return read_lexicon(path, normalizer("librispeech-1"))


def test_pronunciations_keep_their_order_and_lose_stress(lexicon):
    assert {word: [*map(" ".join, spoken)] for word, spoken in lexicon.items()} == {
        "TOMATO": ["T AH M EY T OW", "T AH M AA T OW"],
        "'EM": ["AH M"],
        "PERCENT": ["P ER S EH N T"],
    }
    assert " ".join(sorted(inventory(lexicon))) == "AA AH EH ER EY M N OW P S T"


def test_lexicon_round_trip(lexicon, tmp_path):
    write_lexicon(tmp_path / "again.txt", lexicon)
    again = read_lexicon(tmp_path / "again.txt", normalizer("librispeech-1"))
    assert list(again.items()) == list(lexicon.items())


def test_phones_of_a_text_are_the_usual_ones(lexicon):
    assert " ".join(phones_of("'EM TOMATO", lexicon)) == "AH M T AH M EY T OW"
    assert phones_of("A TOMATO", lexicon) is None
    assert phones_of("", lexicon) == []


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"one W AH1 N\ntwo\n", "lexicon.txt:2: 'two' has no phones"),
        (b"one W AH1 N\nur 3\n", "lexicon.txt:2: a phone of 'ur' has no letters"),
        (b";;; nothing\n", "lexicon.txt: a lexicon without words"),
        (b"\xff\xfe", "lexicon.txt: cannot read the lexicon: "),
    ],
)
def test_malformed_lexicons(tmp_path, content, message):
    path = tmp_path / "lexicon.txt"
    path.write_bytes(content)
    with pytest.raises(DataError, match=message):
        read_lexicon(path, normalizer("librispeech-1"))
    with pytest.raises(DataError, match="cannot read the lexicon"):
        read_lexicon(tmp_path / "missing.txt", normalizer("librispeech-1"))
