"""Breaks of lines: balanced, at marks, between phrases, in scripts without spaces."""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import pairwise

from asr.formats.transcript import Word

_SENTENCE_GAIN, _CLAUSE_GAIN, _PHRASE_GAIN = 0.6, 0.4, 0.15
_SENTENCE_MARKS = tuple(".?!\u2026\u3002\uff1f\uff01\u061f\u0964")
_CLAUSE_MARKS = tuple(",;:\u2013\u2014\u3001\uff0c\uff1b\uff1a\u060c")
_CLOSING = "\"')]}\u00bb\u201c\u201d\u2019\u300d\u300f"
# Words that begin a phrase of English; a line does not end in them.
_OPENERS = frozenset(
    """a about after an and as at because before but by for from if in into like my nor
    of on or our since so than that the their though through to until when where which
    while who with without your""".split()  # noqa: SIM905 - thirty quotes fewer
)
# Scripts that are written without spaces, as their characters are named in Unicode.
_UNSPACED = (
    "CJK UNIFIED", "CJK COMPATIBILITY", "HIRAGANA", "KATAKANA", "HALFWIDTH KATAKANA",
    "BOPOMOFO", "THAI", "LAO", "KHMER", "MYANMAR", "TIBETAN", "YI SYLLABLE",
)  # fmt: skip


def break_gain(one: str, two: str) -> float:
    """Return how well a line ends between two words; below 0 for badly."""
    end = one.rstrip(_CLOSING)
    if end.endswith(_SENTENCE_MARKS):
        return _SENTENCE_GAIN
    if end.endswith(_CLAUSE_MARKS):
        return _CLAUSE_GAIN
    gain = _PHRASE_GAIN if two.lower() in _OPENERS else 0.0
    return gain - _PHRASE_GAIN * (one.lower() in _OPENERS)


def broken_word(word: Word, width: int) -> Iterator[Word]:
    """Yield a word in pieces of at most a width, if its script has no spaces."""
    text = word.word
    if len(text) <= width or not any(map(_is_unspaced, text)):
        yield word
        return
    # Of similar size: two pieces do not fit one line, and get no space between them.
    count = -(-len(text) // width)
    bounds = [len(text) * i // count for i in range(count + 1)]
    share = (word.end - word.start) / len(text)
    for first, last in pairwise(bounds):
        start, end = word.start + first * share, word.start + last * share
        yield replace(word, start=start, end=end, word=text[first:last])


def _is_unspaced(character: str) -> bool:
    return unicodedata.name(character, "").startswith(_UNSPACED)


def balanced_lines(
    texts: Sequence[str], width: int, most: float = math.inf
) -> tuple[tuple[str, ...], ...]:
    """Divide words into the fewest lines, of similar length.

    Args:
        texts: The words.
        width: Characters per line; a longer word has a line of its own.
        most: Words per line.
    """
    count = len(texts)
    best: list[tuple[float, float]] = [(0, 0.0), *[(math.inf, math.inf)] * count]
    before = [0] * (count + 1)
    for first in range(count):
        size = -1
        for last in range(first + 1, count + 1):
            size += len(texts[last - 1]) + 1
            if last > first + 1 and (size > width or last - first > most):
                break
            gain = break_gain(*texts[last - 1 : last + 1]) if last < count else 0.0
            lines, cost = best[first]
            divided = (lines + 1, cost + (size / width) ** 2 - gain)
            if divided < best[last]:
                best[last], before[last] = divided, first
    bounds = [count]
    while bounds[-1]:
        bounds.append(before[bounds[-1]])
    bounds.reverse()
    return tuple(tuple(texts[first:last]) for first, last in pairwise(bounds))
