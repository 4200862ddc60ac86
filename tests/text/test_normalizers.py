"""Versioned text normalisers."""

from __future__ import annotations

import subprocess
import sys
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asr.errors import RecipeError
from asr.text.normalizers import NORMALIZERS, normalizer

ANY_TEXT = st.text(st.characters(exclude_categories=["Cs"]))


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


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("  C\u2019est  la\tvie !\n", "C'est la vie !"),
        ("e\u0301te\u0301", "\u00e9t\u00e9"),
        ("\u00abOui.\u00bb", "\u00abOui.\u00bb"),
        ("", ""),
    ],
)
def test_plain_1_and_lower_1(text: str, plain: str) -> None:
    assert normalizer("plain-1")(text) == plain
    assert normalizer("lower-1")(text) == plain.lower()


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
        "import sys, asr.text.normalizers, asr.text.tokenizers, "
        "asr.formats.transcript, asr.formats.writers, asr.formats.readers\n"
        "heavy = {'tensorflow', 'keras', 'numpy', 'matplotlib', "
        "'sentencepiece'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"
