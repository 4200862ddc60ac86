"""Windows of running text."""

from __future__ import annotations

import gzip

import pytest

from asr.corpora.text import text_corpus
from asr.errors import DataError
from asr.text.written import heard

LINE = "Well, this is line {} of the text. Is it? I think so; yes, it is.\n"


def words(pairs):
    return [word for pair in pairs for word in pair.source.split()]


def read(path, subset="all", corpus="running_text"):
    return list(text_corpus(corpus)(path, subset))


@pytest.fixture
def book(tmp_path):
    path = tmp_path / "book.txt"
    path.write_text("A Heading\n" + "".join(map(LINE.format, range(1200))))
    return path


def test_windows_are_the_text(book):
    pairs = read(book)
    tokens = [token for pair in pairs for token in pair.text.split()]
    expected = [
        word + mark
        for line in map(LINE.format, range(1200))
        for word, mark in heard(line)
    ]
    assert tokens == expected
    lengths = [len(pair.source.split()) for pair in pairs]
    assert all(4 <= length <= 200 for length in lengths[:-1])
    assert max(lengths) > 150
    assert min(lengths) < 60
    ends = [pair.text[-1] in ".?!" for pair in pairs]
    assert 0.3 < sum(ends) / len(ends) < 0.9
    for pair in pairs:
        marked = [token.rstrip(",.?!;:").lower() for token in pair.text.split()]
        assert pair.source.split() == marked
    assert pairs == read(book)


def test_shares_are_apart_and_complete(book):
    every = " ".join(pair.source for pair in read(book)).split()
    parts = [read(book, f"{k}/3") for k in range(3)]
    assert sum(len(p.source.split()) for part in parts for p in part) == len(every)
    assert all(parts)


def test_folders_tables_and_shuffled_sentences(book, tmp_path):
    (tmp_path / "more.txt.gz").write_bytes(gzip.compress(b"One two three four five.\n"))
    assert "three" in read(tmp_path)[-1].source
    table = tmp_path / "pairs.tsv"
    table.write_text("Who is it here?\tQui est-ce ?\n")
    assert read(table)[0].text == "Who is it here?"
    mixed = read(book, corpus="sentences")
    assert len(words(mixed)) == len(words(read(book)))
    assert mixed[0].text != read(book)[0].text


def test_bad_subsets(book):
    for subset in ("3/3", "train", "1/", "-1/4"):
        with pytest.raises(DataError, match="must be all, or K/N"):
            read(book, subset)
