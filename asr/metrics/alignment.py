"""Word alignment of references and hypotheses, on jiwer.

An alignment has the fewest errors. Where several have as few, jiwer chooses. Words are
separated by white space.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Sequence
from itertools import zip_longest
from typing import Literal, NamedTuple

import jiwer

from asr.errors import UsageError
from asr.formats.layout import one_line

Operation = Literal["C", "S", "D", "I"]
"""Correct, substituted, deleted (only in the reference) or inserted word."""

_OPERATIONS: dict[str, Operation] = {
    "equal": "C",
    "substitute": "S",
    "delete": "D",
    "insert": "I",
}


class Aligned(NamedTuple):
    """One step of an alignment; the side without a word holds `""`."""

    operation: Operation
    reference: str
    hypothesis: str


Aligner = Callable[[str, str], list[Aligned]]
"""Function from reference and hypothesis to the steps of their alignment."""


def check_lengths(references: Sequence[object], hypotheses: Sequence[str]) -> None:
    """Check that there are as many references as hypotheses.

    Raises:
        UsageError: There are not.
    """
    if len(references) != len(hypotheses):
        raise UsageError(
            f"{len(references)} references but {len(hypotheses)} hypotheses; "
            "give one hypothesis for each reference"
        )


def align(reference: str, hypothesis: str) -> list[Aligned]:
    """Align two texts word by word with the fewest errors.

    Args:
        reference: Reference text.
        hypothesis: Recognised text.

    Returns:
        The steps in order.
    """
    output = jiwer.process_words(one_line(reference), one_line(hypothesis))
    (reference_words,), (hypothesis_words,) = output.references, output.hypotheses
    return [
        Aligned(_OPERATIONS[chunk.type], *words)
        for chunk in output.alignments[0]
        for words in zip_longest(
            reference_words[chunk.ref_start_idx : chunk.ref_end_idx],
            hypothesis_words[chunk.hyp_start_idx : chunk.hyp_end_idx],
            fillvalue="",
        )
    ]


def alignment_text(
    steps: Sequence[Aligned],
    *,
    columns: int | None = None,
    paint: Callable[[Operation, str], str] | None = None,
) -> str:
    """Format an alignment as text, word under word.

    Args:
        steps: Steps of `align`.
        columns: Maximum line length; the three lines break together, between words.
        paint: Function that colours a word by its operation.

    Returns:
        Three lines: `REF:` and `HYP:` with stars where a word is missing, and `OPS:`
        with S, D or I below each error.
    """
    blocks = [["REF:", "HYP:", "OPS:"]]
    used = len("REF:")
    for operation, reference, hypothesis in steps:
        width = max(_width(reference), _width(hypothesis))
        if columns and used > len("REF:") and used + 1 + width > columns:
            blocks.append(["REF:", "HYP:", "OPS:"])
            used = len("REF:")
        used += 1 + width
        mark = "" if operation == "C" else operation
        for line, word in enumerate((reference, hypothesis, mark)):
            shown = word if word or line == 2 else "*" * width
            gap = " " * (width - _width(shown))
            painted = paint(operation, shown) if paint and shown else shown
            blocks[-1][line] += f" {painted}{gap}"
    return "\n".join(line.rstrip() for block in blocks for line in block)


def _width(text: str) -> int:
    """Return terminal columns: wide characters take two, combining marks none."""
    return sum(
        0 if unicodedata.combining(c) else 1 + (unicodedata.east_asian_width(c) in "WF")
        for c in text
    )
