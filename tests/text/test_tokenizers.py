"""Tokenizers of characters and of subwords."""

from __future__ import annotations

import base64
import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from asr.errors import DataError, ModelError
from asr.text.sentencepiece import SubwordTokenizer, train_subwords
from asr.text.special_tokens import BLANK, END, START
from asr.text.tokenizers import (
    CharacterTokenizer,
    SymbolTokenizer,
    characters_of,
    make_tokenizer,
    tokenizer_from_json,
)

ANY_TEXT = st.text(st.characters(exclude_categories=["Cs"]))


@pytest.fixture
def tokenizer() -> CharacterTokenizer:
    return CharacterTokenizer((" ", "'", "A", "B"))


def test_tokens_are_specials_then_characters(
    tokenizer: CharacterTokenizer,
) -> None:
    assert tokenizer.encode("AB 'A") == [5, 6, 3, 4, 5]
    assert tokenizer.size == 7
    assert tokenizer.pieces == ("<blank>", "<s>", "</s>", " ", "'", "A", "B")
    assert (BLANK, START, END) == (0, 1, 2)


def test_decode_stops_at_the_end_and_drops_specials(
    tokenizer: CharacterTokenizer,
) -> None:
    assert tokenizer.decode([START, 5, BLANK, 6, END, 5, 5]) == "AB"
    assert tokenizer.decode(np.array([5, 3, 6], np.int32)) == "A B"
    assert tokenizer.decode([]) == tokenizer.decode([END, 5]) == ""


@pytest.mark.parametrize("number", [-1, 7])
def test_decode_refuses_foreign_tokens(
    tokenizer: CharacterTokenizer, number: int
) -> None:
    with pytest.raises(DataError, match=rf"token {number} is outside .* 0\.\.6"):
        tokenizer.decode([5, number])


def test_encode_names_every_character_it_lacks(tokenizer: CharacterTokenizer) -> None:
    with pytest.raises(DataError, match=r"no 'C', 'É' \(text 'ACÉC'\)"):
        tokenizer.encode("ACÉC")


def test_encode_shortens_a_long_text_in_its_message(
    tokenizer: CharacterTokenizer,
) -> None:
    with pytest.raises(DataError) as caught:
        tokenizer.encode("C" * 1000)
    assert len(str(caught.value)) < 160


@given(st.text())
def test_round_trip(text: str) -> None:
    tokenizer = CharacterTokenizer(characters_of([text]))
    ids = tokenizer.encode(text)
    assert len(ids) == len(text)
    assert tokenizer.decode([START, *ids, END]) == text


@given(st.lists(st.text()))
def test_characters_do_not_depend_on_order(texts: list[str]) -> None:
    assert characters_of(texts) == characters_of(reversed(texts))
    assert characters_of(texts) == tuple(sorted(set("".join(texts))))


@given(ANY_TEXT)
def test_json_round_trip(text: str) -> None:
    tokenizer = CharacterTokenizer(characters_of([text]))
    stored = json.loads(json.dumps(tokenizer.to_json()))
    assert tokenizer_from_json(stored) == tokenizer


@pytest.mark.parametrize(
    ("characters", "message"),
    [
        (("A", "A"), "'A' is listed twice"),
        (("AB",), "'AB' is not"),
        (("",), "'' is not"),
    ],
)
def test_characters_must_be_single_and_distinct(
    characters: tuple[str, ...], message: str
) -> None:
    with pytest.raises(DataError, match=message):
        CharacterTokenizer(characters)


@pytest.mark.parametrize(
    "stored",
    [
        None,
        [],
        {},
        {"kind": "sentencepiece", "characters": ["A"]},
        {"kind": "sentencepiece", "model": 3},
        {"kind": "sentencepiece", "model": "not base64"},
        {"kind": "sentencepiece", "model": "\u00e9"},
        {"kind": "sentencepiece", "model": ""},
        {"kind": "sentencepiece", "model": base64.b64encode(b"junk").decode()},
        {"kind": "characters", "characters": "AB"},
        {"kind": "characters", "characters": ["A"], "code": "import os"},
        {"kind": "characters", "characters": ["A", "A"]},
        {"kind": "characters", "characters": [1]},
        {"kind": "characters", "characters": [["A"]]},
    ],
)
def test_a_damaged_tokenizer_file_is_a_model_error(stored: object) -> None:
    with pytest.raises(ModelError, match=r"tokenizer\.json"):
        tokenizer_from_json(stored)


TEXTS = [
    "the river ran over the stones",
    "the rivers are running over",
    "stones in a river",
    "another stone in another river ran",
]


@pytest.fixture(scope="module", params=["unigram", "bpe"])
def subwords(request) -> SubwordTokenizer:
    return train_subwords(TEXTS, request.param, 40)


def test_subwords_begin_with_the_specials(subwords: SubwordTokenizer) -> None:
    assert subwords.pieces[: END + 1] == ("<blank>", "<s>", "</s>")
    assert (BLANK, START, END) == (0, 1, 2)
    assert subwords.size == len(subwords.pieces) <= 40


@pytest.mark.parametrize("text", [*TEXTS, "", "on a stone"])
def test_subwords_round_trip(subwords: SubwordTokenizer, text: str) -> None:
    ids = subwords.encode(text)
    assert subwords.decode(ids) == text
    assert subwords.decode(np.array([START, *ids, END, ids[0] if ids else END])) == text
    assert all(END < number < subwords.size for number in ids)
    if text in TEXTS:  # pieces, not characters
        assert len(ids) < 0.7 * len(text)


def test_an_unknown_character_is_an_unknown_token(subwords: SubwordTokenizer) -> None:
    ids = subwords.encode("river 你")
    assert END + 1 in ids
    assert subwords.decode(ids).startswith("river")


def test_a_lone_surrogate_becomes_a_question_mark(subwords: SubwordTokenizer) -> None:
    assert subwords.encode("river \udce9") == subwords.encode("river ?")


def test_subwords_refuse_foreign_tokens(subwords: SubwordTokenizer) -> None:
    with pytest.raises(DataError, match="outside this tokenizer's"):
        subwords.decode([subwords.size])


def test_subwords_are_stored_as_text(subwords: SubwordTokenizer) -> None:
    stored = json.loads(json.dumps(subwords.to_json()))
    again = tokenizer_from_json(stored)
    assert again.pieces == subwords.pieces
    assert again.encode(TEXTS[0]) == subwords.encode(TEXTS[0])


def test_the_same_texts_give_the_same_pieces(subwords: SubwordTokenizer) -> None:
    kind = "unigram" if subwords == train_subwords(TEXTS, "unigram", 40) else "bpe"
    assert train_subwords(TEXTS, kind, 40) == subwords


def test_a_sentencepiece_model_with_other_specials_is_refused() -> None:
    import io

    import sentencepiece

    written = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(TEXTS),
        model_writer=written,
        vocab_size=40,
        hard_vocab_limit=False,
        minloglevel=2,
    )
    with pytest.raises(DataError, match="train it with asr"):
        SubwordTokenizer(written.getvalue())


@pytest.mark.parametrize(("texts", "size"), [([], 40), (["", ""], 40), (TEXTS, 8)])
def test_texts_that_yield_no_subwords(texts: list[str], size: int) -> None:
    with pytest.raises(DataError, match="no unigram tokenizer of"):
        train_subwords(texts, "unigram", size)


def test_make_tokenizer() -> None:
    assert make_tokenizer(["BA"], "characters") == CharacterTokenizer(("A", "B"))
    given = make_tokenizer(["BA"], "characters", characters="XY")
    assert given == CharacterTokenizer(("X", "Y"))
    assert isinstance(make_tokenizer(TEXTS, "bpe", size=40), SubwordTokenizer)


def test_symbols():
    tokenizer = make_tokenizer(["K AE T", "C A T", ""], "symbols")
    assert tokenizer.pieces[3:] == ("A", "AE", "C", "K", "T")
    assert tokenizer.encode("K  AE T") == [6, 4, 7]
    assert tokenizer.decode([6, 4, 7, 2, 3]) == "K AE T"
    assert tokenizer_from_json(json.loads(json.dumps(tokenizer.to_json()))) == tokenizer
    with pytest.raises(DataError, match="tokenizer has no 'D', 'O'"):
        tokenizer.encode("D O A")


@pytest.mark.parametrize("symbols", [("A", "A"), ("",), ("A B",), (" ",), (1,)])
def test_what_are_no_symbols(symbols):
    with pytest.raises(DataError, match="tokenizer"):
        SymbolTokenizer(symbols)
    stored = {"kind": "symbols", "symbols": list(symbols)}
    with pytest.raises(ModelError, match="not valid"):
        tokenizer_from_json(stored)


def test_long_texts_train_subwords_too() -> None:
    long = "one two three " * 400 + "é"
    tokenizer = train_subwords([*["one two three"] * 20, long], "bpe", 30)
    assert tokenizer.decode(tokenizer.encode("oné")) == "oné"


def test_unknown_characters_come_from_the_source():
    tokenizer = train_subwords(["je vois kraków et paris"] * 3, "unigram", 25)
    tokens = tokenizer.encode("je vois krakżw et 東京")
    text = tokenizer.decode(tokens)
    assert tokenizer.with_unknown(text, "krakżw 東京") == "je vois krakżw et 東京"
    assert tokenizer.with_unknown(text, "paris") == "je vois krakw et"
    assert tokenizer.with_unknown("paris", "東京") == "paris"
