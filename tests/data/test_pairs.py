"""Files of pairs."""

from __future__ import annotations

import gzip
import json

import pytest

from asr.data.pairs import Pair, read_pairs, references, write_pairs
from asr.errors import DataError


def test_tab_separated(tmp_path):
    path = tmp_path / "a.tsv"
    path.write_text("\ufeffGo.\tVa !\tignored\n\nHi.\tSalut.\r\n", encoding="utf-8")
    found = list(read_pairs(path))
    assert found == [Pair("Go.", "Va !", "1"), Pair("Hi.", "Salut.", "3")]
    assert [pair.name for pair in found] == ["1", "3"]


def test_json_lines_with_other_keys(tmp_path):
    path = tmp_path / "a.jsonl.gz"
    entry = {"body": "Long.", "title": "Short", "id": 7, "year": 1987}
    path.write_bytes(gzip.compress((json.dumps(entry) + "\n").encode()))
    assert list(read_pairs(path, ("body", "title"))) == [Pair("Long.", "Short", "7")]


def test_pairs_round_trip(tmp_path):
    pairs = [Pair("a\tb", 'c "d"', "x"), Pair("é\u2028", "日本", "y")]
    write_pairs(tmp_path / "a.jsonl", pairs)
    assert list(read_pairs(tmp_path / "a.jsonl")) == pairs


def test_lines_of_one_source_are_its_references():
    pairs = [Pair("b", "1"), Pair("a", "2"), Pair("b", "3")]
    assert references(pairs) == {"b": ["1", "3"], "a": ["2"]}
    assert list(references(pairs)) == ["b", "a"]


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.tsv", "no tab\n", r"a.tsv:1: no tab in the line"),
        ("a.tsv", "a\tb\n\t c\n", r"a.tsv:2: the source is empty"),
        ("a.tsv", "a\t \n", r"a.tsv:1: the target is empty"),
        ("a.jsonl", "[1]\n", r"a.jsonl:1: not a JSON object"),
        ("a.jsonl", "{\n", r"a.jsonl:1: "),
        ("a.jsonl", '{"source": "a"}\n', r"no text under 'target'"),
        ("a.jsonl", '{"source": 1, "target": "b"}\n', r"no text under 'source'"),
        ("a.csv", "a,b\n", r"must be \.tsv"),
        ("a.tsv.gz", "no gzip\n", r"cannot read"),
    ],
)
def test_malformed_files(tmp_path, name, content, message):
    path = tmp_path / name
    path.write_text(content, encoding="utf-8")
    with pytest.raises(DataError, match=message):
        list(read_pairs(path))


def test_other_encodings_and_cut_archives_are_refused(tmp_path):
    (tmp_path / "a.tsv").write_bytes("é\tb\n".encode("latin-1"))
    with pytest.raises(DataError, match=r"a\.tsv:1: not UTF-8"):
        list(read_pairs(tmp_path / "a.tsv"))
    whole = gzip.compress(b"a\tb\n" * 1000)
    (tmp_path / "b.tsv.gz").write_bytes(whole[:-12])
    with pytest.raises(DataError, match="damaged archive"):
        list(read_pairs(tmp_path / "b.tsv.gz"))
    with pytest.raises(DataError, match="cannot read"):
        list(read_pairs(tmp_path / "gone.tsv"))
