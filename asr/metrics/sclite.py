"""Alignment as NIST's sclite does it: its costs, and alternative transcripts.

A text may hold alternations, `{ what are / what're }`, one inside another too, where
`@` stands for no word at all. Both sides are networks of words, aligned at the least
cost: 0 for a correct word, 3 for one inserted or deleted, 4 for one substituted. So an
alignment may differ from the one with the fewest errors.

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
_DEEPEST = 50  # alternations one inside another
_NO_WORD = "@"


class Rules(NamedTuple):
    """What is forgiven, as sclite's options of the same letters do.

    Attributes:
        fragments: A word that begins or ends with a hyphen is correct where the rest of
            it begins or ends the other word (`-F`).
        optional: A word in parentheses may be missing (`-D`).
    """

    fragments: bool = False
    optional: bool = False


_Way = tuple[float, tuple[int, int], Aligned | None]


class _Arc(NamedTuple):
    """A way from one node to another; with an empty word it costs nothing."""

    start: int
    word: str

    @property
    def is_word(self) -> bool:
        return self.word not in ("", _NO_WORD)


class _Network:
    """A text with alternations: for each node the arcs that lead to it.

    Nodes are numbered so that arcs lead upwards, from 0 to the last one.
    """

    def __init__(self, text: str) -> None:
        self.arcs: list[list[_Arc]] = [[]]
        self.text = text
        end = self._sequence(self._tokens(), 0)
        if end[1] is not None:
            raise self._error(f"{end[1]!r} without an opening brace")

    def _tokens(self) -> Iterator[str]:
        """Yield words, braces, and slashes where they are between braces."""
        depth = 0
        for token in _TOKEN.findall(self.text):
            depth += (token == "{") - (token == "}")
            if depth > _DEEPEST:
                raise self._error(f"more than {_DEEPEST} braces inside one another")
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
        """Read words up to a `/`, a `}` or the end; return the last node and which."""
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
            end, found = self._sequence(tokens, node, inside=True)
            if found is None:
                raise self._error("a brace is not closed")
            ends.append(_Arc(end, ""))
            last = found
        return self._node(*ends)

    def _error(self, wrong: str) -> DataError:
        return DataError(f"{self.text!r}: {wrong}")


def align(
    reference: str,
    hypothesis: str,
    rules: Rules = Rules(),  # noqa: B008 - immutable
) -> list[Aligned]:
    """Align two texts, which may hold alternations, as sclite does.

    Args:
        reference: What was said.
        hypothesis: What was recognised.
        rules: What is forgiven.

    Returns:
        Steps as of `asr.metrics.alignment.align`, along the alternatives taken.

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
            for cost, before, step in _ways(i, j, left, right, rules):
                whole = costs[before[0]][before[1]] + cost
                if whole < best - 1e-9:
                    best, back[i, j] = whole, (*before, step)
            costs[i][j] = best
    steps: list[Aligned] = []
    at = (len(one) - 1, len(other) - 1)
    while at != (0, 0):
        i, j, step = back[at]
        if step is not None:
            steps.append(step)
        at = (i, j)
    return steps[::-1]


def _ways(
    i: int, j: int, left: list[_Arc], right: list[_Arc], rules: Rules
) -> Iterator[_Way]:
    """Yield cost, node before and step of each way to a pair of nodes."""
    gaps: list[_Way] = []
    for b in right:
        cost, operation = _gap(b.word, "I", rules)
        step = operation and Aligned(operation, "", b.word)
        gaps.append((cost, (i, b.start), step))
    for a in left:
        cost, operation = _gap(a.word, "D", rules)
        step = operation and Aligned(operation, a.word, "")
        gaps.append((cost, (a.start, j), step))
    # Of ways that cost the same the first is taken: sclite's order.
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
    """Return cost and name of a word that only one side has."""
    if not word:
        return 0.0, None
    if word == _NO_WORD:
        return _NULL, None
    if rules.optional and word[0] == "(" and word[-1] == ")":
        return _OPTIONAL_GAP, "C"
    return _GAP, operation


def _same(said: str, recognised: str, rules: Rules) -> bool:
    one, other = _bare(said, rules), _bare(recognised, rules)
    if one == other:
        return True
    # sclite looks for a hyphen at the front before it takes parentheses off.
    begins, others_begin = said[0] == "-", recognised[0] == "-"
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
    """Whether what is left of a fragment is at the cut-off side of a word."""
    rest = fragment.strip("-")
    return bool(rest) and (
        (fragment.endswith("-") and word.startswith(rest))
        or (begins and word.endswith(rest))
    )


def _without_tags(token: str) -> str:
    r"""Return a word up to the `;` that begins its tags; `\;` is part of a word."""
    word = re.split(r"(?<!\\);", token)[0] or token
    return word.replace(r"\;", ";")
