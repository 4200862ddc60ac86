"""Alignment as NIST's sclite does it: its costs, and alternative transcripts.

A text may contain alternations, `{ what are / what're }`, also nested, in which `@`
stands for an empty alternative. Both texts are word networks, aligned at minimum cost:
0 for a correct word, 3 for an insertion or deletion, 4 for a substitution. So an
alignment can have more errors than the one with the fewest.

Reference:
    NIST Scoring Toolkit (SCTK) 2.4, sclite; Sankoff and Kruskal, Time warps, string
    edits, and macromolecules.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from typing import NamedTuple

from asr.errors import DataError
from asr.metrics.alignment import Aligned

_GAP, _OPTIONAL_GAP, _SUBSTITUTION, _NULL = 3.0, 2.0, 4.0, 0.001
_TOKEN = re.compile(r"[{}]|[^\s{}]+")
_MAX_DEPTH = 50  # of nested alternations
_NO_WORD = "@"


class Rules(NamedTuple):
    """Options of sclite that accept further words as correct.

    Attributes:
        fragments: A fragment such as `fra-` is correct if it is the begin or end of the
            other word (`-F`).
        optional: A word in parentheses may be missing (`-D`).
    """

    fragments: bool = False
    optional: bool = False


class _Arc(NamedTuple):
    """Arc from a node; with an empty word it costs nothing."""

    start: int
    word: str


_Transition = tuple[float, tuple[int, int], Aligned | None]
"""Cost, previous pair of nodes, and step; no step for an empty arc."""


def _tokens(text: str) -> list[str]:
    """Return words and braces, and slashes between braces."""
    tokens: list[str] = []
    depth = 0
    for token in _TOKEN.findall(text):
        depth += (token == "{") - (token == "}")
        if not 0 <= depth <= _MAX_DEPTH:
            wrong = "without an opening brace" if depth < 0 else "nested too deeply"
            raise DataError(f"{text!r}: a brace is {wrong}")
        tokens += filter(None, re.split("(/)", token)) if depth else [token]
    if depth:
        raise DataError(f"{text!r}: a brace is not closed")
    return tokens


def _network(text: str) -> list[list[_Arc]]:
    """Return the incoming arcs of each node of a word network, in topological order."""
    arcs: list[list[_Arc]] = [[]]
    node = 0
    open_: list[tuple[int, list[_Arc]]] = []  # first node and last arcs
    for token in _tokens(text):
        if token == "{":
            open_.append((node, []))
            continue
        arc = [_Arc(node, _without_tags(token))]
        if open_ and token in "/}":
            start, ends = open_[-1]
            ends.append(_Arc(node, ""))
            if token == "/":
                node = start
                continue
            _, arc = open_.pop()
        arcs.append(arc)
        node = len(arcs) - 1
    return arcs


def align(
    reference: str,
    hypothesis: str,
    rules: Rules = Rules(),  # noqa: B008 - immutable
) -> list[Aligned]:
    """Align two texts, which may contain alternations, as sclite does.

    Args:
        reference: Reference text.
        hypothesis: Recognised text.
        rules: Options of sclite.

    Returns:
        Steps as in `asr.metrics.alignment.align`, of the best alternatives.

    Raises:
        DataError: Braces do not match.
    """
    one, other = _network(reference), _network(hypothesis)
    costs = [[0.0] * len(other) for _ in one]
    back: dict[tuple[int, int], tuple[tuple[int, int], Aligned | None]] = {}
    for i, left in enumerate(one):
        for j, right in enumerate(other):
            if i == j == 0:
                continue
            best = float("inf")
            for cost, before, step in _transitions(i, j, left, right, rules):
                total = costs[before[0]][before[1]] + cost
                if total < best - 1e-9:
                    best, back[i, j] = total, (before, step)
            costs[i][j] = best
    steps: list[Aligned] = []
    node = (len(one) - 1, len(other) - 1)
    while node != (0, 0):
        node, step = back[node]
        if step is not None:
            steps.append(step)
    return steps[::-1]


def _transitions(
    i: int, j: int, left: list[_Arc], right: list[_Arc], rules: Rules
) -> Iterator[_Transition]:
    """Yield all transitions to a pair of nodes."""
    gaps: list[_Transition] = []
    for b in right:
        cost, step = _gap(Aligned("I", "", b.word), rules)
        gaps.append((cost, (i, b.start), step))
    for a in left:
        cost, step = _gap(Aligned("D", a.word, ""), rules)
        gaps.append((cost, (a.start, j), step))
    # The first of equally good transitions wins; this order is sclite's.
    yield from (gap for gap in gaps if not gap[0])
    for a, b in itertools.product(left, right):
        if not {a.word, b.word} & {"", _NO_WORD}:
            same = _same(a.word, b.word, rules)
            step = Aligned("C" if same else "S", a.word, b.word)
            yield 0.0 if same else _SUBSTITUTION, (a.start, b.start), step
    yield from (gap for gap in gaps if gap[0])


def _gap(step: Aligned, rules: Rules) -> tuple[float, Aligned | None]:
    """Return cost and step of a word without a counterpart."""
    word = step.reference or step.hypothesis
    if word in ("", _NO_WORD):
        return (_NULL if word else 0.0), None
    if _is_optional(word, rules):
        return _OPTIONAL_GAP, step._replace(operation="C")
    return _GAP, step


def _is_optional(word: str, rules: Rules) -> bool:
    return rules.optional and word[0] == "(" and word[-1] == ")"


def _same(reference: str, hypothesis: str, rules: Rules) -> bool:
    one, other = (
        (word[1:-1] if _is_optional(word, rules) else word).casefold()
        for word in (reference, hypothesis)
    )
    if one == other or not rules.fragments:
        return one == other
    # sclite tests for a leading hyphen before it removes parentheses.
    if reference[0] == "-" or one.endswith("-"):
        return _holds(other, one, begins=reference[0] == "-")
    return _holds(one, other, begins=hypothesis[0] == "-")


def _holds(word: str, fragment: str, *, begins: bool) -> bool:
    """Return True if a fragment without its hyphens is the begin or end of a word."""
    rest = fragment.strip("-")
    return bool(rest) and (
        (fragment.endswith("-") and word.startswith(rest))
        or (begins and word.endswith(rest))
    )


def _without_tags(token: str) -> str:
    r"""Return a word up to the `;` that begins its tags; `\;` is part of a word."""
    word = re.split(r"(?<!\\);", token)[0] or token
    return word.replace(r"\;", ";")
