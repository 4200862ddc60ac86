"""Words that a translation invents give way to words of its source."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np

from asr.formats.attention import TextAttention
from asr.tasks.text import words_of

_WORD = re.compile(r"[^\W\d_]+")
_BOUNDARY = "\u2581"  # begins a piece that begins a word


def invented(text: str, source: str, known: frozenset[str]) -> set[str]:
    """Return the words of a translation that are neither known nor in the source."""
    return words_of(text) - known - words_of(source)


def with_copied_words(
    text: str, source: str, known: frozenset[str], attention: TextAttention
) -> str:
    """Replace invented words by the words of the source with most attention.

    Args:
        text: A translation.
        source: Its source.
        known: Words of the target language, in lower case.
        attention: Attention weights of the translation over the source.

    Reference:
        M.-T. Luong et al., Addressing the Rare Word Problem, ACL 2015: the source word
        that a rare word stands for is copied.
    """
    wrong = invented(text, source, known)
    written, read = text.split(), [_core(word) for word in source.split()]
    # Without the end symbols.
    rows = _numbers(attention.tokens[:-1])
    columns = _numbers(attention.source[:-1])
    if not (wrong and any(read)) or rows.max(initial=0) != len(written) - 1:
        return text
    shares = np.zeros((len(written), len(read)))
    columns = np.minimum(columns, len(read) - 1)
    for row, share in zip(rows, attention.weights, strict=False):
        np.add.at(shares[row], columns, share[: len(columns)])
    shares[:, [not word for word in read]] = -1  # marks stand for no word
    for number, word in enumerate(written):
        for part in _WORD.findall(word):
            if part.lower() in wrong:
                best = read[int(np.argmax(shares[number]))]
                written[number] = written[number].replace(part, best)
    return " ".join(written)


def _numbers(pieces: Sequence[str]) -> np.ndarray:
    """Return the number of the word that each piece belongs to, from 0."""
    begins = [piece.startswith(_BOUNDARY) for piece in pieces]
    return np.maximum(np.cumsum(begins) - 1, 0)


def _core(word: str) -> str:
    """Return a word without the marks around it and without a genitive."""
    return re.sub(r"^\W+|('s)?\W*$", "", word)
