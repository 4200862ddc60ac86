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
    orders = _listed(model)
    counts = (f"ngram {order}={len(keys)}\n" for order, keys in enumerate(orders, 1))
    yield "\\data\\\n" + "".join(counts)
    for order, keys in enumerate(orders, start=1):
        yield f"\n\\{order}-grams:\n"
        probs = model.probabilities(order - 1, keys // size, keys % size)
        probs = np.log10(np.maximum(probs, 10**_IMPOSSIBLE))
        digits = [keys // size**place % size for place in reversed(range(order))]
        names = (
            " ".join(vocabulary[i] for i in row) for row in zip(*digits, strict=True)
        )
        backoffs = np.full(len(keys), np.nan)
        if order <= len(model.levels):
            level = model.levels[order - 1]
            rows = key_rows(keys, level.contexts)
            backoffs[rows > 0] = level.backoffs[rows[rows > 0] - 1] / _LOG_10
        for prob, name, backoff in zip(probs, names, backoffs, strict=True):
            end = "" if np.isnan(backoff) else f"\t{backoff:.7g}"
            yield f"{prob:.7g}\t{name}{end}\n"
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
    return Level(
        contexts, np.log(backoffs / totals), grams, np.log(discounted / totals[rows])
    )


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
    """All n-grams of one order."""

    names: list[tuple[str, ...]]
    probs: list[float]  # log10
    backoffs: list[float]  # log10; 0 where the file has none


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
    sections = read_sections(path)
    others = {name for (name,) in sections[0].names} - {*SPECIALS, UNKNOWN_NAME}
    vocabulary = (*SPECIALS, UNKNOWN_NAME, *sorted(others))
    return ngrams_of(sections, vocabulary, path), vocabulary


def read_sections(path: Path) -> list[Section]:
    """Read all n-grams of a file, and check that none is missing."""
    counts: list[int] = []
    sections: list[Section] = []
    ended = False
    for number, line in text_lines(path):
        text = line.strip()
        if match := re.fullmatch(r"ngram \s*\d+\s*=\s*(\d+)", text):
            counts.append(int(match[1]))
        elif re.fullmatch(r"\\\d+-grams:", text):
            sections.append(Section([], [], []))
        elif text == "\\end\\":
            ended = True
            break
        elif text and sections:
            _add(sections, re.split("[ \t]+", text), f"{path}:{number}")
    if not ended or not counts or [len(part.names) for part in sections] != counts:
        raise DataError(f"{path}: not a complete ARPA file: n-grams are missing")
    return sections


def _add(sections: list[Section], fields: list[str], place: str) -> None:
    """Add the n-gram of a line to the last section."""
    order, section = len(sections), sections[-1]
    try:
        if len(fields) not in (order + 1, order + 2):
            raise ValueError(f"{len(fields)} fields")
        section.probs.append(float(fields[0]))
        section.backoffs.append(float((*fields, "0")[order + 1]))
    except ValueError as error:
        raise DataError(f"{place}: not a line of {order}-grams: {error}") from error
    names = {"<UNK>": UNKNOWN_NAME}
    section.names.append(tuple(names.get(x, x) for x in fields[1 : order + 1]))


def ngrams_of(
    sections: Sequence[Section], vocabulary: Sequence[str], path: Path
) -> NGrams:
    """Return n-grams of sections, with the tokens of a vocabulary."""
    size, order = len(vocabulary), max(2, len(sections))
    if order * math.log2(size) >= _KEY_BITS:
        raise DataError(f"{path}: {order}-grams of {size} words are too many")
    tables = [_table(part, vocabulary, path) for part in sections]
    keys, probs, _ = tables[0]
    unigrams = np.zeros(size)
    unigrams[keys] = probs
    unigrams[[0, START]] = 0.0
    if not unigrams.sum():
        raise DataError(f"{path}: the 1-grams have no probability")
    model = NGrams(unigrams / unigrams.sum(), (), START)
    empty = np.zeros(0, np.int64), np.zeros(0), np.zeros(0)
    tables += [empty] * (order - len(tables))
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
        model = model._replace(levels=(*model.levels, level))
    if below:
        log.warning("%s: raised %d n-grams to their back-off", path, below)
    levels = (
        level._replace(
            backoffs=level.backoffs.astype(np.float32),
            discounted=level.discounted.astype(np.float32),
        )
        for level in model.levels
    )
    return NGrams(model.unigrams.astype(np.float32), tuple(levels), START)


def _table(
    section: Section, vocabulary: Sequence[str], path: Path
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return sorted keys, probabilities and back-off weights of a section."""
    numbers = {name: number for number, name in enumerate(vocabulary)}
    left_out = {UNKNOWN_NAME} - numbers.keys()
    rows, kept = [], []
    for row, names in enumerate(section.names):
        try:
            rows.append([numbers[name] for name in names])
            kept.append(row)
        except KeyError as error:
            if error.args[0] not in left_out:
                raise DataError(f"{path}: {error.args[0]!r} is not a 1-gram") from error
    tokens = np.array(rows, np.int64).reshape(len(rows), -1)
    keys = tokens @ len(vocabulary) ** np.arange(tokens.shape[1], dtype=np.int64)[::-1]
    keys, index = np.unique(keys, return_index=True)
    if len(index) != len(rows):
        raise DataError(f"{path}: an n-gram is there twice")
    if tokens.shape[1] > 1:  # the start is never predicted
        predicted = keys % len(vocabulary) != START
        keys, index = keys[predicted], index[predicted]
    logs = np.array([section.probs, section.backoffs])[:, np.array(kept, int)[index]]
    return keys, *np.minimum(10.0**logs, 1e30)


def _contexts(tables: Sequence[tuple[np.ndarray, ...]], size: int) -> list[np.ndarray]:
    """Return the contexts of 1, 2, ... tokens; each one's parts are contexts too."""
    found = [np.zeros(0, np.int64)]
    for length in range(len(tables) - 1, 0, -1):
        longer = found[0]
        parts = tables[length][0] // size, longer // size, longer % size**length
        found.insert(0, np.unique(np.concatenate(parts)))
    found[0] = np.union1d(found[0], [START])
    return found[:-1]
