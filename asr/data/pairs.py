"""The record of a text and what it becomes; files of many.

A file of pairs has lines `source<TAB>target` (`.tsv`; further columns are left alone)
or one JSON object a line with `source` and `target` (`.jsonl`); either may be
compressed (`.gz`).
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from asr.data.manifest import parsed, text_lines
from asr.errors import DataError
from asr.files import atomic_write


@dataclass(frozen=True)
class Pair:
    """A text and what it becomes.

    Args:
        source: The text that is read.
        text: The text that is to be written.
        id: A name that is unique in its file.
    """

    source: str
    text: str
    id: str = ""

    @property
    def name(self) -> str:
        """What messages call it."""
        return self.id or self.source[:40]


def read_pairs(
    path: str | Path, keys: tuple[str, str] = ("source", "target")
) -> Iterator[Pair]:
    """Read a file of pairs; blank lines are left alone.

    Args:
        path: `.tsv` or `.jsonl`, either of them also `.gz`.
        keys: What source and target are called in JSON.

    Raises:
        DataError: The file cannot be read, a line is malformed or a side is empty.
    """
    path = Path(path)
    parse = _PARSERS.get(
        path.with_suffix("").suffix if path.suffix == ".gz" else path.suffix
    )
    if parse is None:
        raise DataError(
            f"{path}: pairs come as .tsv (source, tab, target) or .jsonl; rename it"
        )
    for number, line in text_lines(path):
        if not line.strip():
            continue
        try:
            source, target, name = parse(line, keys)
        except ValueError as error:
            raise DataError(f"{path}:{number}: {error}") from error
        if not source.strip() or not target.strip():
            side = "target" if source.strip() else "source"
            raise DataError(f"{path}:{number}: the {side} is empty")
        yield Pair(source, target, name or str(number))


def write_pairs(path: str | Path, pairs: Iterable[Pair]) -> None:
    """Write pairs as JSON lines, complete or not at all.

    Raises:
        OutputError: The file cannot be written.
    """
    with atomic_write(path) as file:
        for pair in pairs:
            entry = {"source": pair.source, "target": pair.text, "id": pair.id}
            file.write(json.dumps(entry, ensure_ascii=False) + "\n")


def references(pairs: Sequence[Pair]) -> dict[str, list[str]]:
    """Return source -> all its targets; sources in the order of their first pair."""
    found: dict[str, list[str]] = {}
    for pair in pairs:
        found.setdefault(pair.source, []).append(pair.text)
    return found


def _tsv(line: str, _: tuple[str, str]) -> tuple[str, str, str]:
    source, *targets = line.split("\t")
    if not targets:
        raise ValueError("no tab in it; write source, tab, target")
    return source, targets[0], ""


def _json(line: str, keys: tuple[str, str]) -> tuple[str, str, str]:
    entry = parsed(line)
    if not isinstance(entry, Mapping):
        raise ValueError("not a JSON object; write one object a line")
    for key in keys:
        if not isinstance(entry.get(key), str):
            raise ValueError(f"no text under {key!r}; every line needs one")
    return entry[keys[0]], entry[keys[1]], str(entry.get("id", ""))


_PARSERS = {".tsv": _tsv, ".jsonl": _json}
