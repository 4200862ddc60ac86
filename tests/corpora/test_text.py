"""Readers of text corpora, on small copies and on the real corpora."""

from __future__ import annotations

import gzip
import json

import pytest

from asr.corpora.text import TEXT_CORPORA, text_corpus, text_rows
from asr.data.pairs import Pair
from asr.errors import DataError, UsageError

REAL = {
    ("tatoeba", "tatoeba-eng-fra"): {"train": 136931, "val": 1414, "test": 2994},
    ("multi30k", "multi30k"): {"train.en-de": 29000, "test_2016_flickr.de-en": 1000},
    ("reuters", "reuters"): {"train": 10208, "test": 1500},
    ("acl_titles", "acl-titles"): {"train": 14179, "val": 600, "test": 800},
}


def test_parallel_files(tmp_path):
    (tmp_path / "val.en").write_text("one\ntwo\n\n")
    (tmp_path / "val.de.gz").write_bytes(gzip.compress(b"eins\nzwei\ndrei\n"))
    found = list(text_corpus("multi30k")(tmp_path, "val.de-en"))
    assert found == [Pair("eins", "one", "val-1"), Pair("zwei", "two", "val-2")]


@pytest.mark.parametrize(
    ("subset", "message"),
    [
        ("val", "must name two languages"),
        ("val.en-fr", "none of val.fr"),
        ("val.en-de", "3 lines in en and 2 in de"),
    ],
)
def test_parallel_files_that_do_not_fit(tmp_path, subset, message):
    (tmp_path / "val.en").write_text("one\ntwo\nthree\n")
    (tmp_path / "val.de").write_text("eins\nzwei\n")
    with pytest.raises(DataError, match=message):
        list(text_corpus("multi30k")(tmp_path, subset))


def test_damaged_pairs_leave_the_others(tmp_path, caplog):
    path = tmp_path / "train.tsv"
    path.write_bytes(b"a\tb\n\tc\nno tab\nd\t\ncaf\xe9\te\nf\tg\n")
    assert [p.source for p in text_corpus("pairs")(path, "")] == ["a", "f"]
    assert caplog.messages == [
        f"left out 4 damaged rows: {path}:2: the source is empty; {path}:3: no tab in "
        f"the line; write source, tab, target; {path}:4: the target is empty; ..."
    ]
    assert str(list(text_rows("pairs")(path, ""))[4]).endswith(":5: not UTF-8")


def test_damaged_lines_of_parallel_files(tmp_path):
    (tmp_path / "val.en").write_bytes(b"one\n\ncaf\xe9\nfour\n")
    (tmp_path / "val.de").write_text("eins\nzwei\ndrei\n\n")
    first, *damaged = text_rows("multi30k")(tmp_path, "val.de-en")
    assert first.source == "eins"
    assert list(map(str, damaged)) == [
        "val-2: the line in en is empty",
        "val-3: not UTF-8",
        "val-4: the line in de is empty",
    ]


def test_own_pairs(tmp_path):
    (tmp_path / "train.tsv").write_text("a\tb\n")
    (tmp_path / "dev.jsonl").write_text('{"source": "c", "target": "d"}\n')
    read = text_corpus("pairs")
    assert list(read(tmp_path, "train")) == [Pair("a", "b", "1")]
    assert list(read(tmp_path, "dev")) == [Pair("c", "d", "1")]
    assert list(read(tmp_path / "train.tsv", "")) == [Pair("a", "b", "1")]
    with pytest.raises(DataError, match=r"none of test\.tsv"):
        list(read(tmp_path, "test"))
    with pytest.raises(DataError, match=r"test\.tsv: no such file or folder"):
        list(read(tmp_path / "test.tsv", ""))


def test_headlines(tmp_path):
    entry = {"id": 3, "title": "UP", "body": "It went up."}
    (tmp_path / "test.jsonl").write_text(json.dumps(entry) + "\n")
    found = list(text_corpus("reuters")(tmp_path, "test"))
    assert found == [Pair("It went up.", "UP", "3")]


def test_unknown_corpus():
    with pytest.raises(UsageError, match="did you mean 'tatoeba'"):
        text_corpus("tatoba")


@pytest.mark.parametrize(("corpus", "folder"), REAL)
def test_the_real_ones(data_root, corpus, folder):
    root = data_root / "text" / folder
    if not root.is_dir():
        pytest.skip(f"{root} is not there")
    for subset, count in REAL[corpus, folder].items():
        pairs = list(TEXT_CORPORA[corpus](root, subset))
        assert len(pairs) == count
        assert len({pair.id for pair in pairs}) == count


def test_no_sentence_is_in_two_parts(data_root):
    root = data_root / "text" / "tatoeba-eng-fra"
    if not root.is_dir():
        pytest.skip(f"{root} is not there")
    parts = [
        {pair.source for pair in TEXT_CORPORA["tatoeba"](root, subset)}
        for subset in ("train", "val", "test")
    ]
    assert not parts[0] & parts[1]
    assert not (parts[0] | parts[1]) & parts[2]


def test_cmudict_is_divided_by_words(tmp_path):
    letters = "ABCDEFGHIJ"
    words = [f"{a}{b}{c}" for a in letters for b in letters for c in letters]
    lines = [f"{word.lower()} AA1 B\n{word.lower()}(2) B # rare\n" for word in words]
    (tmp_path / "cmudict.dict").write_text("".join(lines))
    read = text_corpus("cmudict")
    parts = {name: list(read(tmp_path, name)) for name in ("train", "dev", "test")}
    found = {name: {pair.source for pair in part} for name, part in parts.items()}
    assert sorted(word for part in found.values() for word in part) == words
    assert 70 < len(found["test"]) < 130
    assert 30 < len(found["dev"]) < 70
    assert all(len(part) == 2 * len(found[name]) for name, part in parts.items())
    assert parts["test"] == list(read(tmp_path / "cmudict.dict", "test"))
    assert parts["train"][0] == Pair("AAB", "AA B", "AAB(1)")
    assert {pair.text for pair in read(tmp_path, "all")} == {"AA B", "B"}
    with pytest.raises(DataError, match="no subset 'val'; subsets are all, test"):
        list(read(tmp_path, "val"))
