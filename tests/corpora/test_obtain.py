"""The archives of corpora, and the missing ones of a corpus folder."""

from __future__ import annotations

import hashlib
import urllib.parse
from pathlib import Path

import pytest

from asr.corpora import CORPORA
from asr.corpora.obtain import missing, sources
from asr.errors import UsageError


@pytest.mark.parametrize(
    ("corpus", "subsets", "message"),
    [
        ("kaldi", [], "cannot be downloaded; no address"),
        ("librispeech", ["dev"], "no subset 'dev'; it has dev-clean"),
        ("pairs", [], "no address"),
    ],
)
def test_corpora_without_archives(corpus, subsets, message, tmp_path):
    with pytest.raises(UsageError, match=message):
        missing(corpus, tmp_path, subsets)


def test_the_table_is_in_order():
    found = {name: sources(name) for name in CORPORA if sources(name)}
    assert {"librispeech", "ljspeech", "an4"} <= found.keys()
    for name, table in found.items():
        for source in table.values():
            archive = source.archive
            for url in (archive.url, *archive.mirrors):
                assert urllib.parse.urlsplit(url).scheme == "https"
            if archive.checksum:
                kind, _, digest = archive.checksum.partition(":")
                assert len(bytes.fromhex(digest)) == hashlib.new(kind).digest_size
                assert archive.size > 10**8
            else:
                assert name in ("an4", "free_spoken_digit")
    assert len(found["librispeech"]) == 9
    assert len(found["librispeech"]["dev-clean"].archive.mirrors) == 2


def test_present_subsets_are_not_missing(tmp_path: Path):
    folder = tmp_path / "dev-clean" / "84" / "121"
    folder.mkdir(parents=True)
    (folder / "84-121.trans.txt").write_text("84-121-0000 GO\n")
    assert missing("librispeech", tmp_path, ["dev-clean"]) == []
    (wanted,) = missing("librispeech", tmp_path, ["dev-clean", "dev-other"])
    assert wanted.archive.name == "dev-other.tar.gz"
    assert len(missing("librispeech", tmp_path)) == 8
    assert len(missing("ljspeech", tmp_path)) == 1
    assert len(missing("librispeech", tmp_path, ["dev-other", "dev-other"])) == 1
