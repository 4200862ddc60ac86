"""Align what was recognised with what was said, word by word.

Alignments have the fewest errors; among those with as few they are rapidfuzz's, and so
jiwer's. Words are what white space separates.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Iterator, Sequence
from itertools import count
from typing import Literal, NamedTuple

from rapidfuzz.distance import Levenshtein

Operation = Literal["C", "S", "D", "I"]
"""Correct, substituted, deleted (only in the reference) or inserted word."""

OPERATIONS: tuple[Operation, ...] = ("C", "S", "D", "I")

_NAMES: dict[str, Operation] = {"replace": "S", "delete": "D", "insert": "I"}


class Aligned(NamedTuple):
    """One step of an alignment; the side that has no word there holds `""`."""

    operation: Operation
    reference: str
    hypothesis: str


Aligner = Callable[[str, str], list[Aligned]]
"""From what was said and what was recognised to steps."""


class Tally(NamedTuple):
    """Words of one utterance by what became of them."""

    hits: int
    substitutions: int
    deletions: int
    insertions: int


class Symbols:
    """Characters that stand for words, since rapidfuzz compares strings fastest."""

    def __init__(self) -> None:
        self._next = map(chr, count())
        self._known: dict[str, str] = {}

    def __call__(self, words: Sequence[str]) -> str:
        """Return one character for each word, the same for the same word."""
        known = self._known
        for word in words:
            if word not in known:
                known[word] = next(self._next)
        return "".join([known[word] for word in words])


def tally(said: str, recognised: str) -> Tally:
    """Count what became of the words of one utterance.

    Args:
        said: Symbols of the words that were said.
        recognised: Symbols of the words that were recognised.
    """
    if said == recognised:
        return Tally(len(said), 0, 0, 0)
    edits = Levenshtein.editops(said, recognised)
    deletions = sum(edit[0] == "delete" for edit in edits.as_list())
    insertions = deletions + len(recognised) - len(said)
    substitutions = len(edits) - deletions - insertions
    hits = len(said) - substitutions - deletions
    return Tally(hits, substitutions, deletions, insertions)


def align(reference: str, hypothesis: str) -> list[Aligned]:
    """Align two texts word by word with the fewest errors.

    Args:
        reference: What was said.
        hypothesis: What was recognised.

    Returns:
        Steps `(operation, reference word, hypothesis word)` in order; operation is `C`
        (correct), `S` (substituted), `D` (deleted) or `I` (inserted), and the missing
        word of a deletion or insertion is `""`.
    """
    return list(_steps(reference.split(), hypothesis.split()))


def _steps(said: list[str], recognised: list[str]) -> Iterator[Aligned]:
    symbols = Symbols()
    edits = Levenshtein.editops(symbols(said), symbols(recognised))
    place = 0
    for edit in edits:
        for word in said[place : edit.src_pos]:
            yield Aligned("C", word, word)
        operation = _NAMES[edit.tag]
        place = edit.src_pos + (operation != "I")
        yield Aligned(
            operation,
            "" if operation == "I" else said[edit.src_pos],
            "" if operation == "D" else recognised[edit.dest_pos],
        )
    for word in said[place:]:
        yield Aligned("C", word, word)


def alignment_text(
    steps: Sequence[Aligned],
    *,
    columns: int | None = None,
    paint: Callable[[Operation, str], str] | None = None,
) -> str:
    """Show an alignment, word under word.

    Args:
        steps: What `align` returned.
        columns: Longest line; lines are broken between words, all three together.
        paint: Colours a word of a step.

    Returns:
        Three lines: `REF:` and `HYP:` with stars where a word is missing, and `OPS:`
        with S, D or I below each error.
    """
    blocks: list[list[str]] = []
    used = columns or 0
    for operation, said, recognised in steps:
        width = max(_width(said), _width(recognised))
        if not blocks or (columns and used + 1 + width > columns):
            blocks.append(["REF:", "HYP:", "OPS:"])
            used = len("REF:")
        used += 1 + width
        mark = "" if operation == "C" else operation
        for line, word in enumerate((said, recognised, mark)):
            shown = word if word or line == 2 else "*" * width
            gap = " " * (width - _width(shown))
            painted = paint(operation, shown) if paint and shown else shown
            blocks[-1][line] += f" {painted}{gap}"
    lines = [line for block in blocks for line in block] or ["REF:", "HYP:", "OPS:"]
    return "\n".join(line.rstrip() for line in lines)


def _width(text: str) -> int:
    """Terminal columns: wide characters take two, combining marks none."""
    return sum(
        0 if unicodedata.combining(c) else 1 + (unicodedata.east_asian_width(c) in "WF")
        for c in text
    )
