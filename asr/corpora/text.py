"""Readers of text corpora, pairs of a source and a target text, in `TEXT_CORPORA`.

| corpus | shape | content and source | licence |
| --- | --- | --- | --- |
| pairs | file, or SUBSET.tsv, SUBSET.jsonl | your own pairs | yours |
| tatoeba | as pairs | sentences; tatoeba.org via manythings.org/anki | CC BY 2.0 |
| multi30k | SUBSET.LANGUAGE | image captions; D. Elliott et al., VL 2016 | research |
| reuters | SUBSET.jsonl | Reuters-21578 news with headlines | research |
| cmudict | cmudict.dict | words, phones; github.com/cmusphinx/cmudict | BSD-like |
| acl_titles | SUBSET.jsonl | ACL Anthology abstracts, titles | CC BY 4.0 (2016 on) |
| running_text | file, or folder of *.txt | your own texts, a paragraph a line | yours |
| sentences | as running_text | your own texts, sentences in no order | yours |

Each file may be compressed (`.gz`).
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from asr.corpora.running_text import running_text
from asr.data.pairs import Pair, pair_rows
from asr.data.text_files import DamagedRow, is_utf8, lenient_lines, usable
from asr.errors import DataError, UsageError, did_you_mean
from asr.text.normalizers import normalizer
from asr.text.pronunciation import read_lexicon

Row = Pair | DamagedRow

_ENDINGS = (".tsv", ".tsv.gz", ".jsonl", ".jsonl.gz")


def _existing(folder: Path, names: list[str]) -> Path:
    if not folder.exists():
        raise DataError(f"{folder}: no such file or folder")
    for name in names:
        if (folder / name).is_file():
            return folder / name
    raise DataError(f"{folder}: none of {', '.join(names)} in this folder")


def _pairs(root: Path, subset: str) -> Iterator[Row]:
    """Read a file, or SUBSET.tsv or SUBSET.jsonl in a folder."""
    names = [subset + ending for ending in _ENDINGS]
    return pair_rows(root if root.is_file() else _existing(root, names))


def _multi30k(root: Path, subset: str) -> Iterator[Row]:
    """Read two parallel files; `train.en-de` stands for `train.en` and `train.de`."""
    part, _, languages = subset.rpartition(".")
    source, dash, target = languages.partition("-")
    if not (part and dash):
        raise DataError(
            f"{root}: subset {subset!r} must name two languages, such as train.en-de"
        )
    sides = []
    for language in (source, target):
        name = f"{part}.{language}"
        path = _existing(root, [name, f"{name}.gz"])
        sides.append([line for _, line in lenient_lines(path)])
    if len(sides[0]) != len(sides[1]):
        raise DataError(
            f"{root}: {part} has {len(sides[0])} lines in {source} and "
            f"{len(sides[1])} in {target}; both must be parallel"
        )
    for number, (one, other) in enumerate(zip(*sides, strict=True), 1):
        name = f"{part}-{number}"
        if not (is_utf8(one) and is_utf8(other)):
            yield DamagedRow(name, "not UTF-8")
        elif one.strip() and other.strip():
            yield Pair(one, other, name)
        elif one.strip() or other.strip():
            yield DamagedRow(
                name, f"the line in {source if other.strip() else target} is empty"
            )


def _records(source: str, target: str, root: Path, subset: str) -> Iterator[Row]:
    names = [f"{subset}.jsonl", f"{subset}.jsonl.gz"]
    return pair_rows(_existing(root, names), (source, target))


_SHARES = {"test": range(10), "dev": range(10, 15), "train": range(15, 100)}


def _cmudict(root: Path, subset: str) -> Iterator[Row]:
    """Read a lexicon, whose words a hash divides: test 10 %, dev 5 %, train the rest.

    All pronunciations of a word are in one part; `all` has all words.
    """
    if subset not in {"all", *_SHARES}:
        parts = ", ".join(("all", *_SHARES))
        raise DataError(f"{root}: no subset {subset!r}; subsets are {parts}")
    path = root if root.is_file() else _existing(root, ["cmudict.dict"])
    share = _SHARES.get(subset, range(100))
    for word, pronunciations in read_lexicon(path, normalizer("librispeech-1")).items():
        if zlib.crc32(word.encode()) % 100 in share:
            for number, phones in enumerate(pronunciations, start=1):
                yield Pair(word, " ".join(phones), f"{word}({number})")


TEXT_CORPORA: dict[str, Callable[[Path, str], Iterator[Row]]] = {
    "pairs": _pairs,
    "tatoeba": _pairs,
    "multi30k": _multi30k,
    "reuters": partial(_records, "body", "title"),
    "cmudict": _cmudict,
    "acl_titles": partial(_records, "abstract", "title"),
    "running_text": running_text,
    "sentences": partial(running_text, shuffled=True),
}
"""Name -> function that reads a subset below a folder, damaged rows too."""


def text_rows(name: str) -> Callable[[Path, str], Iterator[Row]]:
    """Look the reader of a text corpus up by its key in `TEXT_CORPORA`.

    Returns:
        Function from a folder and a subset to its pairs and damaged rows.

    Raises:
        UsageError: The name is unknown; the message suggests the nearest one.
    """
    if name not in TEXT_CORPORA:
        raise UsageError(
            f"no text corpus {name!r}{did_you_mean(name, list(TEXT_CORPORA))}"
        )
    return TEXT_CORPORA[name]


def text_corpus(name: str) -> Callable[[Path, str], Iterator[Pair]]:
    """Look the reader of the pairs of a text corpus up.

    Returns:
        As `text_rows`, without damaged rows; one warning counts and names them.

    Raises:
        UsageError: The name is unknown.
    """
    read = text_rows(name)
    return lambda root, subset: usable(read(root, subset))
