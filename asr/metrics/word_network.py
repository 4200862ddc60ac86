"""Word network of a text with alternations, as in `{ what are / what're }`.

Alternations may be nested, and stand between braces with spaces around.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from asr.errors import DataError

_TOKEN = re.compile(r"[{}]|[^\s{}]+")
_MAX_DEPTH = 50  # of nested alternations


class Arc(NamedTuple):
    """Arc from a node; with an empty word it costs nothing."""

    start: int
    word: str


def _tokens(text: str) -> list[str]:
    """Return words and braces, and slashes between braces."""
    tokens: list[str] = []
    depth = 0
    for token in _TOKEN.findall(text):
        depth += (token == "{") - (token == "}")
        if not 0 <= depth <= _MAX_DEPTH:
            wrong = "without an opening brace" if depth < 0 else "nested too deeply"
            raise DataError(f"{text[:200]!r}: a brace is {wrong}")
        tokens += filter(None, re.split("(/)", token)) if depth else [token]
    if depth:
        raise DataError(f"{text[:200]!r}: a brace is not closed")
    return tokens


def network(text: str) -> list[list[Arc]]:
    """Return the incoming arcs of each node of a word network, in topological order."""
    arcs: list[list[Arc]] = [[]]
    node = 0
    open_: list[tuple[int, list[Arc]]] = []  # first node and last arcs
    for token in _tokens(text):
        if token == "{":
            open_.append((node, []))
            continue
        arc = [Arc(node, _without_tags(token))]
        if open_ and token in "/}":
            start, ends = open_[-1]
            ends.append(Arc(node, ""))
            if token == "/":
                node = start
                continue
            _, arc = open_.pop()
        arcs.append(arc)
        node = len(arcs) - 1
    return arcs


def _without_tags(token: str) -> str:
    r"""Return a word up to the `;` that begins its tags; `\;` is part of a word."""
    word = re.split(r"(?<!\\);", token)[0] or token
    return word.replace(r"\;", ";")
