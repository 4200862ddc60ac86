"""Pairs of texts for translation and summarisation, and files of pairs.

A `.tsv` file has lines `source<TAB>target`; further columns are ignored. A `.jsonl`
file has one JSON object a line, with `source` and `target`. `.gz` files are read too.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from asr.data.text_files import (
    DamagedRow,
    is_utf8,
    lenient_lines,
    parse_json_object,
    write_json_lines,
)
from asr.errors import DataError


@dataclass(frozen=True)
class Pair:
    """A source text and its target text.

    Args:
        source: Input of the model.
        text: Target text, the reference.
        id: Name of the pair, unique in its file.
    """

    source: str
    text: str
    id: str = ""

    @property
    def name(self) -> str:
        """Name in messages."""
        return self.id or self.source[:40]


def read_pairs(
    path: str | Path, keys: tuple[str, str] = ("source", "target")
) -> Iterator[Pair]:
    """Read a file of pairs; blank lines are ignored.

    Args:
        path: `.tsv` or `.jsonl`, with or without `.gz`.
        keys: JSON keys of source and target.

    Raises:
        DataError: The file cannot be read, a line is malformed, or a text is empty.
    """
    for row in pair_rows(path, keys):
        if isinstance(row, DamagedRow):
            raise DataError(str(row))
        yield row


def pair_rows(
    path: str | Path, keys: tuple[str, str] = ("source", "target")
) -> Iterator[Pair | DamagedRow]:
    """Read a file of pairs of others, in which a line may be damaged.

    Args:
        path: As in `read_pairs`.
        keys: As in `read_pairs`.

    Raises:
        DataError: The file cannot be read.
    """
    path = Path(path)
    parse = _PARSERS.get(Path(path.name.removesuffix(".gz")).suffix)
    if parse is None:
        kinds = ".tsv (source, tab, target) or .jsonl"
        raise DataError(f"{path}: a file of pairs must be {kinds}; rename it")
    for number, line in lenient_lines(path):
        if not line.strip():
            continue
        try:
            yield _pair(*parse(line, keys), number)
        except ValueError as error:
            yield DamagedRow(f"{path}:{number}", str(error))


def _pair(source: str, target: str, name: str, number: int) -> Pair:
    """Make a pair of both sides; a ValueError names an empty one."""
    if not (is_utf8(source) and is_utf8(target)):
        raise ValueError("not UTF-8")
    if not source.strip() or not target.strip():
        raise ValueError(f"the {'target' if source.strip() else 'source'} is empty")
    return Pair(source, target, name or str(number))


def write_pairs(path: str | Path, pairs: Iterable[Pair]) -> None:
    """Write pairs as JSON lines; an interrupted write leaves no file.

    Raises:
        OutputError: The file cannot be written.
    """
    entries = ({"source": x.source, "target": x.text, "id": x.id} for x in pairs)
    write_json_lines(path, entries)


def references(pairs: Sequence[Pair]) -> dict[str, list[str]]:
    """Return source -> all its targets; sources in the order of their first pair."""
    targets: dict[str, list[str]] = {}
    for pair in pairs:
        targets.setdefault(pair.source, []).append(pair.text)
    return targets


def _tsv(line: str, _: tuple[str, str]) -> tuple[str, str, str]:
    source, *targets = line.split("\t")
    if not targets:
        raise ValueError("no tab in the line; write source, tab, target")
    return source, targets[0], ""


def _json(line: str, keys: tuple[str, str]) -> tuple[str, str, str]:
    entry = parse_json_object(line)
    for key in keys:
        if not isinstance(entry.get(key), str):
            raise ValueError(f"no text under {key!r}; every line needs one")
    return entry[keys[0]], entry[keys[1]], str(entry.get("id", ""))


_PARSERS = {".tsv": _tsv, ".jsonl": _json}
