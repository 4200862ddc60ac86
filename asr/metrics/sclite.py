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
from asr.metrics.alignment import Aligned, Operation

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


_Transition = tuple[float, tuple[int, int], Aligned | None]
"""Cost, previous pair of nodes, and step; no step for an empty arc."""


class _Arc(NamedTuple):
    """Arc from a node; with an empty word it costs nothing."""

    start: int
    word: str

    @property
    def is_word(self) -> bool:
        return self.word not in ("", _NO_WORD)


class _Network:
    """Word network of a text: the incoming arcs of each node.

    Nodes are in topological order, from node 0 to the last one.
    """

    def __init__(self, text: str) -> None:
        self.arcs: list[list[_Arc]] = [[]]
        self.text = text
        _, closing = self._sequence(self._tokens(), 0)
        if closing is not None:
            raise self._error(f"{closing!r} without an opening brace")

    def _tokens(self) -> Iterator[str]:
        """Yield words and braces, and slashes between braces."""
        depth = 0
        for token in _TOKEN.findall(self.text):
            depth += (token == "{") - (token == "}")
            if depth > _MAX_DEPTH:
                raise self._error(f"more than {_MAX_DEPTH} nested braces")
            if depth and token not in "{}":
                yield from filter(None, re.split("(/)", token))
            else:
                yield token

    def _node(self, *arcs: _Arc) -> int:
        self.arcs.append(list(arcs))
        return len(self.arcs) - 1

    def _sequence(
        self, tokens: Iterator[str], node: int, *, inside: bool = False
    ) -> tuple[int, str | None]:
        """Add words up to a `/`, a `}` or the end; return last node and end token."""
        for token in tokens:
            if token == "}" or (token == "/" and inside):
                return node, token
            if token == "{":
                node = self._alternation(tokens, node)
            else:
                node = self._node(_Arc(node, _without_tags(token)))
        return node, None

    def _alternation(self, tokens: Iterator[str], node: int) -> int:
        ends, last = [], "/"
        while last == "/":
            end, token = self._sequence(tokens, node, inside=True)
            if token is None:
                raise self._error("a brace is not closed")
            ends.append(_Arc(end, ""))
            last = token
        return self._node(*ends)

    def _error(self, wrong: str) -> DataError:
        return DataError(f"{self.text!r}: {wrong}")


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
    one, other = _Network(reference).arcs, _Network(hypothesis).arcs
    costs = [[0.0] * len(other) for _ in one]
    back: dict[tuple[int, int], tuple[int, int, Aligned | None]] = {}
    for i, left in enumerate(one):
        for j, right in enumerate(other):
            if i == j == 0:
                continue
            best = float("inf")
            for cost, before, step in _transitions(i, j, left, right, rules):
                total = costs[before[0]][before[1]] + cost
                if total < best - 1e-9:
                    best, back[i, j] = total, (*before, step)
            costs[i][j] = best
    steps: list[Aligned] = []
    node = (len(one) - 1, len(other) - 1)
    while node != (0, 0):
        i, j, step = back[node]
        if step is not None:
            steps.append(step)
        node = (i, j)
    return steps[::-1]


def _transitions(
    i: int, j: int, left: list[_Arc], right: list[_Arc], rules: Rules
) -> Iterator[_Transition]:
    """Yield all transitions to a pair of nodes."""
    gaps: list[_Transition] = []
    for b in right:
        cost, operation = _gap(b.word, "I", rules)
        step = operation and Aligned(operation, "", b.word)
        gaps.append((cost, (i, b.start), step))
    for a in left:
        cost, operation = _gap(a.word, "D", rules)
        step = operation and Aligned(operation, a.word, "")
        gaps.append((cost, (a.start, j), step))
    # The first of equally good transitions wins; this order is sclite's.
    yield from (gap for gap in gaps if not gap[0])
    for a, b in itertools.product(left, right):
        if a.is_word and b.is_word:
            same = _same(a.word, b.word, rules)
            step = Aligned("C" if same else "S", a.word, b.word)
            yield 0.0 if same else _SUBSTITUTION, (a.start, b.start), step
    yield from (gap for gap in gaps if gap[0])


def _gap(
    word: str, operation: Operation, rules: Rules
) -> tuple[float, Operation | None]:
    """Return cost and operation of a word without a counterpart."""
    if not word:
        return 0.0, None
    if word == _NO_WORD:
        return _NULL, None
    if rules.optional and word[0] == "(" and word[-1] == ")":
        return _OPTIONAL_GAP, "C"
    return _GAP, operation


def _same(reference: str, hypothesis: str, rules: Rules) -> bool:
    one, other = _bare(reference, rules), _bare(hypothesis, rules)
    if one == other:
        return True
    # sclite tests for a leading hyphen before it removes parentheses.
    begins, others_begin = reference[0] == "-", hypothesis[0] == "-"
    if not rules.fragments:
        return False
    if begins or one.endswith("-"):
        return _holds(other, one, begins=begins)
    return _holds(one, other, begins=others_begin)


def _bare(word: str, rules: Rules) -> str:
    if rules.optional and word[0] == "(" and word[-1] == ")":
        word = word[1:-1]
    return word.casefold()


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
