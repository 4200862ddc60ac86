r"""The ARPA format of n-gram models, as KenLM and SRILM read and write it.

An ARPA file gives log10 probabilities of n-grams and log10 back-off weights of their
contexts. An n-gram that it lacks has the probability of the shorter n-gram times the
back-off weight of the context:

    \data\
    ngram 1=4
    ngram 2=2

    \1-grams:
    -99       <s>   -0.30103
    -0.60206  </s>
    -0.60206  <unk>
    -0.30103  a     -0.07918125

    \2-grams:
    -0.1249387  <s> a
    -0.4259687  a </s>

    \end\
"""

from __future__ import annotations

import gzip
import logging
import math
import re
from array import array
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from asr.data.text_files import text_lines
from asr.errors import DataError
from asr.files import atomic_write
from asr.language_model.model import LanguageModel
from asr.language_model.ngrams import Level, NGrams, key_rows
from asr.text.special_tokens import SPECIALS, START

log = logging.getLogger(__name__)

UNKNOWN_NAME = "<unk>"
SPACE_NAME = "<space>"  # the format separates names by spaces
_IMPOSSIBLE = -99.0  # log10 probability of the start, by convention
_LOG_10 = math.log(10)
_LEAST = 1e-6  # of a probability; below it an n-gram is its back-off
_KEY_BITS = 63


def vocabulary_of(model: LanguageModel, *, characters: bool = False) -> list[str]:
    """Return the names of tokens in ARPA files of a language model.

    Args:
        model: The language model.
        characters: Name characters also if the model has words.
    """
    if model.words and not characters:
        return [*SPECIALS, UNKNOWN_NAME, *model.words.vocabulary]
    return [SPACE_NAME if piece == " " else piece for piece in model.tokenizer.pieces]


def write_arpa(ngrams: NGrams, vocabulary: Sequence[str], path: Path) -> None:
    """Write n-grams in the ARPA format.

    Args:
        ngrams: The n-grams.
        vocabulary: Name of each token; token 0, the blank, is not written.
        path: The file; compressed if its name ends in `.gz`.

    Raises:
        OutputError: The file cannot be written.
    """
    with atomic_write(path, "wb") as file:
        if path.suffix != ".gz":
            for line in _lines(ngrams, vocabulary):
                file.write(line.encode())
            return
        with gzip.GzipFile("", "wb", fileobj=file, mtime=0) as packed:
            for line in _lines(ngrams, vocabulary):
                packed.write(line.encode())


def _lines(ngrams: NGrams, vocabulary: Sequence[str]) -> Iterator[str]:
    model, size = _normalized(ngrams), len(ngrams.unigrams)
    names = np.array(vocabulary, object)
    orders = _listed(model)
    counts = (f"ngram {order}={len(keys)}\n" for order, keys in enumerate(orders, 1))
    yield "\\data\\\n" + "".join(counts)
    for order, keys in enumerate(orders, start=1):
        yield f"\n\\{order}-grams:\n"
        probs = model.probabilities(order - 1, keys // size, keys % size)
        probs = np.log10(np.maximum(probs, 10**_IMPOSSIBLE))
        digits = [keys // size**place % size for place in reversed(range(order))]
        columns = [names[column].tolist() for column in digits]
        rows = np.zeros(len(keys), np.int64)
        backoffs = np.zeros(1)
        if order <= len(model.levels):
            level = model.levels[order - 1]
            rows = key_rows(keys, level.contexts)
            backoffs = np.append(0.0, level.backoffs / _LOG_10)
        for prob, row, *words in zip(probs, rows, *columns, strict=True):
            end = f"\t{backoffs[row]:.7g}" if row else ""
            yield f"{prob:.7g}\t{' '.join(words)}{end}\n"
    yield "\n\\end\\\n"


def _normalized(ngrams: NGrams) -> NGrams:
    """Return n-grams in double precision whose probabilities sum to 1."""
    size = len(ngrams.unigrams)
    unigrams = ngrams.unigrams.astype(np.float64)
    levels = []
    for level in ngrams.levels:
        backoffs = np.exp(level.backoffs.astype(np.float64))
        discounted = np.exp(level.discounted.astype(np.float64))
        levels.append(_level(level.contexts, backoffs, level.grams, discounted, size))
    return NGrams(unigrams / unigrams.sum(), tuple(levels), ngrams.start)


def _level(
    contexts: np.ndarray,
    backoffs: np.ndarray,
    grams: np.ndarray,
    discounted: np.ndarray,
    vocabulary: int,
) -> Level:
    """Return a level whose probabilities sum to 1, as those of shorter contexts do."""
    rows = np.searchsorted(contexts, grams // vocabulary)
    totals = np.bincount(rows, discounted, len(contexts)) + backoffs
    logs = np.log(backoffs / totals), np.log(discounted / totals[rows])
    return Level(contexts, logs[0], grams, logs[1])


def _listed(ngrams: NGrams) -> list[np.ndarray]:
    """Return the keys of the n-grams to write, by order.

    With an n-gram its context and its tokens but the first are there: readers find it
    through them.
    """
    size, levels = len(ngrams.unigrams), ngrams.levels
    orders = [np.zeros(0, np.int64)]
    for order in range(len(levels) + 1, 1, -1):
        keys = np.union1d(levels[order - 2].grams, orders[0] % size**order)
        if order <= len(levels):
            keys = np.union1d(keys, levels[order - 1].contexts)
        orders.insert(0, keys)
    known = ngrams.unigrams > 0
    known[ngrams.start] = True
    return [np.flatnonzero(known), *orders[:-1]]


class Section(NamedTuple):
    """All n-grams of one order, as flat arrays."""

    names: array[int]  # number of each name in the order of the 1-grams
    probs: array[float]  # log10
    backoffs: array[float]  # log10; 0 where the file has none


def read_arpa(path: Path) -> tuple[NGrams, tuple[str, ...]]:
    """Read n-grams in the ARPA format.

    The library's n-grams are never less probable than their back-off. Those of a file
    that are, as Katz smoothing and pruning leave a few, get the probability of their
    back-off; a warning counts them.

    Args:
        path: The file; compressed if its name ends in `.gz`.

    Returns:
        The n-grams, and the name of each token: blank, start, end, unknown word, and
        the others in alphabetical order.

    Raises:
        DataError: The file cannot be read, or is not an ARPA file.
    """
    names, sections = read_sections(path)
    others = set(names) - {*SPECIALS, UNKNOWN_NAME}
    vocabulary = (*SPECIALS, UNKNOWN_NAME, *sorted(others))
    return ngrams_of(names, sections, vocabulary, path), vocabulary


def read_sections(path: Path) -> tuple[list[str], list[Section]]:
    """Read the names of the 1-grams and all n-grams; check that none is missing."""
    counts: list[int] = []
    sections: list[Section] = []
    numbers: dict[str, int] = {}
    for number, line in text_lines(path):
        text = line.strip()
        if match := re.fullmatch(r"ngram \s*\d+\s*=\s*(\d+)", text):
            counts.append(int(match[1]))
        elif re.fullmatch(r"\\\d+-grams:", text):
            sections.append(Section(array("q"), array("d"), array("d")))
        elif text == "\\end\\":
            break
        elif text and sections:
            _add(sections, numbers, text, f"{path}:{number}")
    else:
        counts = []  # cut off before its end
    if not counts or [len(part.probs) for part in sections] != counts:
        raise DataError(f"{path}: not a complete ARPA file: n-grams are missing")
    return list(numbers), sections


def _add(
    sections: Sequence[Section], numbers: dict[str, int], line: str, place: str
) -> None:
    """Add the n-gram of a line to the last section, and its name if it is a 1-gram."""
    order, section = len(sections), sections[-1]
    fields = line.replace("<UNK>", UNKNOWN_NAME).replace("\t", " ").split(" ")
    fields = [field for field in fields if field]
    try:
        if len(fields) not in (order + 1, order + 2):
            raise ValueError(f"{len(fields)} fields")
        section.probs.append(float(fields[0]))
        section.backoffs.append(float((*fields, "0")[order + 1]))
    except ValueError as error:
        raise DataError(f"{place}: not a line of {order}-grams: {error}") from error
    if order == 1:
        numbers.setdefault(fields[1], len(numbers))
    for name in fields[1 : order + 1]:
        if name not in numbers:
            raise DataError(f"{place}: {name!r} is not a 1-gram")
        section.names.append(numbers[name])


def ngrams_of(
    names: Sequence[str],
    sections: Sequence[Section],
    vocabulary: Sequence[str],
    path: Path,
) -> NGrams:
    """Return the n-grams of sections; those with names out of a vocabulary go."""
    size, longest = len(vocabulary), max(2, len(sections))
    if longest * math.log2(size) >= _KEY_BITS:
        raise DataError(f"{path}: {longest}-grams of {size} words are too many")
    numbers = {name: number for number, name in enumerate(vocabulary)}
    tokens = np.array([numbers.get(name, -1) for name in names])
    tables = [
        _table(section, tokens, order, size, path)
        for order, section in enumerate(sections, start=1)
    ]
    keys, probs, _ = tables[0]
    unigrams = np.full(size, 1e-99)  # a sum of nothing would be no distribution
    unigrams[keys] = probs
    unigrams[[0, START]] = 0.0
    model = NGrams(unigrams / unigrams.sum(), (), START)
    if len(tables) == 1:  # there is always a level for contexts of one token
        tables.append((np.zeros(0, np.int64), np.zeros(0), np.zeros(0)))
    below = 0
    for length, contexts in enumerate(_contexts(tables, size), start=1):
        shorter_keys, _, weights = tables[length - 1]
        rows = key_rows(contexts, shorter_keys)
        backoffs = np.where(rows > 0, np.append(1.0, weights)[rows], 1.0)
        keys, probs, _ = tables[length]
        tails = keys // size % size ** (length - 1)
        shorter = model.probabilities(length - 1, tails, keys % size)
        backed_off = backoffs[np.searchsorted(contexts, keys // size)] * shorter
        below += int(np.sum(probs < 0.999 * backed_off))
        kept = probs - backed_off > _LEAST * probs
        discounted = (probs - backed_off)[kept]
        level = _level(contexts, backoffs, keys[kept], discounted, size)
        level = Level(*(x.astype("f4") if x.dtype.kind == "f" else x for x in level))
        model = model._replace(levels=(*model.levels, level))
    if below:
        log.warning("%s: raised %d n-grams to their back-off", path, below)
    return NGrams(model.unigrams.astype(np.float32), model.levels, START)


def _table(
    section: Section, tokens: np.ndarray, order: int, size: int, path: Path
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return sorted keys, probabilities and back-off weights of a section.

    `tokens` gives the token of each name, -1 for names to leave out; `size` is V.
    """
    digits = tokens[np.array(section.names).reshape(-1, order)]
    # The start is never predicted.
    kept = (digits >= 0).all(axis=1) & ((digits[:, -1] != START) | (order == 1))
    keys = digits[kept] @ size ** np.arange(order, dtype=np.int64)[::-1]
    keys, index = np.unique(keys, return_index=True)
    if len(index) != np.sum(kept):
        raise DataError(f"{path}: an n-gram is there twice")
    logs = np.array([section.probs, section.backoffs])[:, kept][:, index]
    return keys, *np.minimum(10.0**logs, 1e30)


def _contexts(tables: Sequence[tuple[np.ndarray, ...]], size: int) -> list[np.ndarray]:
    """Return the contexts of 1, 2, ... tokens; each one's parts are contexts too."""
    levels = [np.zeros(0, np.int64)]
    for length in range(len(tables) - 1, 0, -1):
        longer = levels[0]
        parts = tables[length][0] // size, longer // size, longer % size**length
        levels.insert(0, np.unique(np.concatenate(parts)))
    levels[0] = np.union1d(levels[0], [START])
    return levels[:-1]
