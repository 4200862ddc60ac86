"""Alignment as NIST's sclite does it: its costs, and alternative transcripts.

A text may contain alternations, `{ what are / what're }`, also nested, in which `@`
stands for an empty alternative. Both texts are word networks, aligned at minimum cost:
0 for a correct word, 3 for an insertion or deletion, 4 for a substitution. So an
alignment can have more errors than the one with the fewest.

Case is ignored by Unicode's case folding in every language, where sclite lowers ASCII
letters, or those of the language that its option `-e` names. So texts with capitals
such as `Ā` and `ā` can have other counts than sclite's with `-e utf-8` alone.

Reference:
    NIST Scoring Toolkit (SCTK) 2.4, sclite; Sankoff and Kruskal, Time warps, string
    edits, and macromolecules.
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from asr.errors import DataError
from asr.metrics.alignment import Aligned
from asr.metrics.word_network import Arc, network

# sclite's costs times 1,000: whole numbers have no rounding.
_GAP, _OPTIONAL_GAP, _SUBSTITUTION, _NULL = 3000, 2000, 4000, 1
_FAR = 1 << 30  # more than any alignment costs
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


_Transition = tuple[int, tuple[int, int], Aligned | None]
"""Cost, previous pair of nodes, and step; no step for an empty arc."""


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
    one, other = network(reference), network(hypothesis)
    costs = _costs(one, other, rules)
    steps: list[Aligned] = []
    i, j = len(one) - 1, len(other) - 1
    while (i, j) != (0, 0):
        # The first transition with the minimum cost.
        (i, j), step = next(
            (before, step)
            for cost, before, step in _transitions(i, j, one[i], other[j], rules)
            if costs[before] + cost == costs[i, j]
        )
        if step is not None:
            steps.append(step)
    return steps[::-1]


def _costs(one: list[list[Arc]], other: list[list[Arc]], rules: Rules) -> np.ndarray:
    """Return the minimum cost of each pair of nodes, row by row of the reference."""
    arcs = [arc for node in other for arc in node]
    starts = np.array([arc.start for arc in arcs], np.intp)
    # Where the arcs of each node begin; node 0 has none.
    first = np.cumsum([0, *(len(node) for node in other[1:-1])], dtype=np.intp)
    gaps = [_gap(Aligned("I", "", arc.word), rules)[0] for arc in arcs]
    linear = all(len(node) == 1 for node in other[1:])
    offsets = np.cumsum([0, *gaps], dtype=np.int32) if linear else None
    substitutions = _Substitutions([arc.word for arc in arcs], rules)
    costs = np.full((len(one), len(other)), _FAR, np.int32)
    for i, node in enumerate(one):
        row = costs[i]
        if i == 0:
            row[0] = 0
        for arc in node:
            before = costs[arc.start]
            gap, _ = _gap(Aligned("D", arc.word, ""), rules)
            np.minimum(row, before + gap, out=row)
            if arcs and arc.word not in ("", _NO_WORD):
                pairs = before[starts] + substitutions.row(arc.word)
                np.minimum(row[1:], np.minimum.reduceat(pairs, first), out=row[1:])
        if offsets is not None:  # insertions only add up
            row[:] = np.minimum.accumulate(row - offsets) + offsets
        else:
            _insert(row, other, gaps)
    return costs


def _insert(row: np.ndarray, nodes: list[list[Arc]], gaps: Sequence[int]) -> None:
    """Lower the costs of a row by arcs of the hypothesis without a counterpart."""
    values = row.tolist()  # faster than the array, number by number
    gap = iter(gaps)
    for j, node in enumerate(nodes):
        for arc in node:
            cost = values[arc.start] + next(gap)
            if cost < values[j]:
                values[j] = cost
    row[:] = values


class _Substitutions:
    """Costs of the pairs of a reference word and each arc of the hypothesis."""

    def __init__(self, words: Sequence[str], rules: Rules) -> None:
        self._rules = rules
        numbers: dict[str, int] = {}
        columns = [numbers.setdefault(word, len(numbers)) for word in words]
        self._columns = np.array(columns, np.intp)
        self._different = list(numbers)
        self._folded: dict[str, list[int]] = {}
        for number, word in enumerate(self._different):
            self._folded.setdefault(_folded(word, rules), []).append(number)
        no_words = [numbers[word] for word in ("", _NO_WORD) if word in numbers]
        self._none = np.full(len(numbers), _SUBSTITUTION, np.int32)
        self._none[no_words] = _FAR // 2
        self._words = [i for word, i in numbers.items() if word not in ("", _NO_WORD)]
        self._fragments = [
            i for i in self._words if _is_fragment(self._different[i], rules)
        ]
        self._rows: dict[str, np.ndarray] = {}

    def row(self, word: str) -> np.ndarray:
        """Return the costs for a reference word, one for each arc."""
        if word not in self._rows:
            costs = self._none.copy()
            for number in self._candidates(word):
                if _same(word, self._different[number], self._rules):
                    costs[number] = 0
            self._rows[word] = costs
        return self._rows[word][self._columns]

    def _candidates(self, word: str) -> Sequence[int]:
        """Return the words that may be the same."""
        equal = self._folded.get(_folded(word, self._rules), [])
        if not self._rules.fragments:
            return equal
        fragment = _is_fragment(word, self._rules)
        return self._words if fragment else equal + self._fragments


def _transitions(
    i: int, j: int, left: list[Arc], right: list[Arc], rules: Rules
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
            yield 0 if same else _SUBSTITUTION, (a.start, b.start), step
    yield from (gap for gap in gaps if gap[0])


def _gap(step: Aligned, rules: Rules) -> tuple[int, Aligned | None]:
    """Return cost and step of a word without a counterpart."""
    word = step.reference or step.hypothesis
    if word in ("", _NO_WORD):
        return (_NULL if word else 0), None
    if _is_optional(word, rules):
        return _OPTIONAL_GAP, step._replace(operation="C")
    return _GAP, step


def _is_optional(word: str, rules: Rules) -> bool:
    return rules.optional and word[:1] == "(" and word[-1:] == ")"


def _same(reference: str, hypothesis: str, rules: Rules) -> bool:
    one, other = _folded(reference, rules), _folded(hypothesis, rules)
    if one == other or not rules.fragments:
        return one == other
    if _is_fragment(reference, rules):
        return _holds(other, one, begins=reference[0] == "-")
    return _holds(one, other, begins=hypothesis[0] == "-")


def _is_fragment(word: str, rules: Rules) -> bool:
    # sclite tests for a leading hyphen before it removes parentheses.
    return word[0] == "-" or _folded(word, rules).endswith("-")


def _folded(word: str, rules: Rules) -> str:
    return (word[1:-1] if _is_optional(word, rules) else word).casefold()


def _holds(word: str, fragment: str, *, begins: bool) -> bool:
    """Return True if a fragment without its hyphens is the begin or end of a word."""
    rest = fragment.strip("-")
    return bool(rest) and (
        (fragment.endswith("-") and word.startswith(rest))
        or (begins and word.endswith(rest))
    )


def rename(
    references: Mapping[str, str], hypotheses: Mapping[str, str]
) -> dict[str, str]:
    """Name hypotheses as the references whose names differ in ASCII case alone.

    Args:
        references: Utterance -> reference text.
        hypotheses: Utterance -> recognised text.

    Raises:
        DataError: Two utterances of a file differ in ASCII case alone.
    """
    own = {_lower(name): name for name in references}
    renamed = {own.get(_lower(name), name): text for name, text in hypotheses.items()}
    for names in (references, hypotheses):
        folded = Counter(map(_lower, names))
        if len(folded) < len(names):
            wrong = folded.most_common(1)[0][0]
            raise DataError(f"utterance {wrong!r} occurs twice, in different case")
    return renamed


def _lower(name: str) -> str:
    """Lower the ASCII letters alone, as sclite does."""
    return (
        name.encode(errors="surrogateescape").lower().decode(errors="surrogateescape")
    )
