"""Character tokenizer and versioned text normalisers."""

from __future__ import annotations

import json
import subprocess
import sys
import unicodedata

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from asr.errors import DataError, ModelError, RecipeError
from asr.text import (
    BLANK,
    END,
    NORMALIZERS,
    START,
    CharacterTokenizer,
    characters_of,
    normalizer,
    tokenizer_from_json,
)

ANY_TEXT = st.text(st.characters(exclude_categories=["Cs"]))


@pytest.fixture
def tokenizer() -> CharacterTokenizer:
    return CharacterTokenizer((" ", "'", "A", "B"))


def test_identifiers_are_specials_then_characters(
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
def test_decode_refuses_foreign_identifiers(
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


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Don't  STOP,\tplease!", "DON'T STOP PLEASE"),
        ("'Tis the boys' café", "'TIS THE BOYS' CAFE"),
        ("it\u2019s", "IT'S"),
        ("he said ' stop '", "HE SAID STOP"),
        ("Ærøskøbing, Łódź; straße", "AEROSKOBING LODZ STRASSE"),
        ("e\u0301tude ﬁn", "ETUDE FIN"),
        ("well-known 42nd", "WELL KNOWN ND"),
        ("привет 你好", ""),
        ("", ""),
    ],
)
def test_librispeech_1(text: str, expected: str) -> None:
    assert normalizer("librispeech-1")(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Don't  STOP,\tplease!", "don't stop please"),
        ("'quoted' rock 'n' roll", "quoted rock n roll"),
        ("it\u2019s O\u2019Brien", "it's o'brien"),
        ("Straße CAFÉ ﬁn", "strasse café fin"),
        ("well-known 42nd £5 a_b", "well known 42nd 5 a b"),
        ("so\u00adft zero\u200bwidth", "soft zerowidth"),
        ("Привет, мир!", "привет мир"),
        ("हिन्दी।", "हिन्दी"),
        ("", ""),
    ],
)
def test_basic_1(text: str, expected: str) -> None:
    assert normalizer("basic-1")(text) == expected


def test_none_1_changes_nothing() -> None:
    assert normalizer("none-1")(" A\tb ") == " A\tb "


@given(ANY_TEXT, st.sampled_from(sorted(NORMALIZERS)))
def test_normalizers_are_idempotent(text: str, name: str) -> None:
    once = NORMALIZERS[name](text)
    assert NORMALIZERS[name](once) == once


@given(ANY_TEXT)
def test_librispeech_1_writes_its_alphabet_only(text: str) -> None:
    normal = normalizer("librispeech-1")(text)
    assert set(normal) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZ' ")
    assert normal == " ".join(normal.split())


@given(ANY_TEXT)
def test_basic_1_writes_words_only(text: str) -> None:
    normal = normalizer("basic-1")(text)
    assert normal == " ".join(normal.split())
    assert all(unicodedata.category(c)[0] in "LMN" for c in normal if c not in " '")


def test_librispeech_1_leaves_official_transcripts_alone() -> None:
    text = "MARIUS MY BOY YOU ARE A BARON DON'T GO TO PETTIFOGGING"
    assert normalizer("librispeech-1")(text) == text


@pytest.mark.parametrize(
    ("name", "nearest"),
    [("librispeech", "librispeech-1"), ("basic-2", "basic-1"), ("non", "none-1")],
)
def test_an_unknown_normalizer_names_the_nearest(name: str, nearest: str) -> None:
    with pytest.raises(RecipeError, match=f"did you mean '{nearest}'"):
        normalizer(name)


def test_light_modules_leave_heavy_ones_alone() -> None:
    code = (
        "import sys, asr.text, asr.transcript, asr.writers, asr.scoring, "
        "asr.score_files\n"
        "heavy = {'tensorflow', 'keras', 'numpy', 'matplotlib'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"
