"""Corpus readers: their interface and their common code."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TypeVar

from asr.audio.io import AUDIO_EXTENSIONS
from asr.data.manifest import Utterance
from asr.data.text_files import (
    DamagedRow,
    is_utf8,
    lenient_lines,
    text_lines,
    usable,
)
from asr.errors import DataError, cannot_read
from asr.files import is_folder, is_there

P = TypeVar("P")
Row = Utterance | DamagedRow
"""What a reader gives for a row of a corpus."""


@dataclass(frozen=True)
class Corpus:
    """Reader of one kind of corpus.

    Args:
        name: Key in `CORPORA`.
        subsets: Lists the subsets below a folder; empty if the folder holds no corpus
            of this kind.
        rows: Reads a subset from a folder: utterances in a fixed order, texts as the
            corpus has them, and rows that are damaged. Recordings are not opened; a
            missing one keeps its expected name. Raises DataError if the subset or a
            transcript file is missing.
        folder: Folder of the corpus below `$ASR_DATA/speech`, as shipped recipes name
            it; empty for generic formats.
    """

    name: str
    subsets: Callable[[Path], list[str]]
    rows: Callable[[Path, str], Iterator[Row]]
    folder: str = ""

    def read(self, root: Path, subset: str) -> Iterator[Utterance]:
        """Read the utterances of `rows`; a warning counts and names damaged rows.

        Raises:
            DataError: As `rows`, or there are damaged rows only.
        """
        return usable(self.rows(root, subset))


def corpus_of(
    name: str,
    parts: Callable[[Path], dict[str, P]],
    read_part: Callable[[P], Iterable[Row]],
    folder: str = "",
) -> Corpus:
    """Make the reader of a corpus from two functions.

    `parts` finds the subsets below a folder: name -> whatever `read_part` needs to read
    the rows of one, such as its own folder. For the rest see `Corpus`.
    """

    def rows(root: Path, subset: str) -> Iterator[Row]:
        there = parts(root)
        check_subset(name, root, subset, list(there))
        yield from read_part(there[subset])

    return Corpus(name, lambda root: list(parts(root)), rows, folder)


_FOLDERS = 64  # cached listings


class Clips:
    """Finds recordings by name, with any extension; caches folder listings."""

    def __init__(self) -> None:
        self._listed = lru_cache(_FOLDERS)(_listing)

    def folder(self, path: Path) -> dict[str, Path]:
        """List the recordings of a folder: name without extension -> path, sorted.

        A missing folder counts as empty.
        """
        return self._listed(path)[1]

    def find(self, path: Path) -> Path:
        """Find a recording under its published name, or with another extension.

        Returns:
            The recording that exists, or `path` if there is none.
        """
        names, recordings = self._listed(path.parent)
        return path if path.name in names else recordings.get(path.stem, path)


def _listing(path: Path) -> tuple[set[str], dict[str, Path]]:
    """Return the names of all files in a folder, and its recordings by stem."""
    files = sorted(path.iterdir()) if is_folder(path) else []
    recordings: dict[str, Path] = {}
    for file in files:
        if file.suffix.lower() in AUDIO_EXTENSIONS:
            recordings.setdefault(file.stem, file)
    return {file.name for file in files}, recordings


def check_subset(corpus: str, root: Path, subset: str, subsets: Sequence[str]) -> None:
    """Check that `subsets`, those in the folder of a corpus, have a subset.

    Raises:
        DataError: The folder, the corpus or the subset is missing.
    """
    if not is_there(root):
        raise DataError(cannot_read(root, "no such file or folder"))
    if not subsets:
        raise DataError(f"{root}: not a corpus of the kind {corpus}")
    if subset not in subsets:
        raise DataError(
            f"{root}: {corpus} has no subset {subset!r} here; it has "
            f"{', '.join(subsets)}"
        )


def folders_with(root: Path, marker: str) -> dict[str, Path]:
    """Find subsets that are folders with a file of the glob pattern `marker`.

    Returns:
        Name of the subset -> its folder, sorted; `root` itself may be the only one.
    """
    if not is_folder(root):
        return {}
    if any(root.glob(marker)):
        return {root.resolve().name: root}
    folders = sorted(path for path in root.iterdir() if path.is_dir())
    return {path.name: path for path in folders if any(path.glob(marker))}


def read_table(
    path: Path, damaged: list[DamagedRow] | None = None
) -> dict[str, tuple[int, str]]:
    """Read lines of the form `key value`.

    Args:
        path: The file.
        damaged: Gets the lines that are not UTF-8 or repeat a key; by default they are
            an error.

    Returns:
        Key -> line number and stripped value (maybe empty), in the file's order.

    Raises:
        DataError: The file cannot be read.
    """
    entries: dict[str, tuple[int, str]] = {}
    for number, line in lenient_lines(path):
        key, _, rest = line.strip().replace("\t", " ").partition(" ")
        problem = None if is_utf8(line) else "not UTF-8"
        if key in entries:
            problem = f"{key} is repeated; keep one line of it"
        if problem and damaged is None:
            raise DataError(f"{path}:{number}: {problem}")
        if problem and damaged is not None:
            damaged.append(DamagedRow(f"{path}:{number}", problem))
        elif key:
            entries[key] = (number, rest.strip())
    return entries


def read_text(path: Path) -> str:
    """Read a transcript file; its lines are joined by spaces.

    Raises:
        DataError: The file cannot be read.
    """
    return " ".join(line.strip() for _, line in text_lines(path)).strip()


def read_rows(
    path: Path, columns: Sequence[str]
) -> Iterator[tuple[int, dict[str, str]] | DamagedRow]:
    """Read a CSV file, or a TSV file without quoting, with a header line.

    Args:
        path: The file; its name ends in `.tsv` for TSV.
        columns: Columns that the header must name.

    Yields:
        The number of the row's last line, and column -> field; or a row with a wrong
        number of fields, or that is not UTF-8.

    Raises:
        DataError: The file cannot be read, or lacks a column.
    """
    lines = (f"{line}\n" for _, line in lenient_lines(path))
    if path.suffix == ".tsv":
        reader = csv.reader(lines, delimiter="\t", quoting=csv.QUOTE_NONE)
    else:
        reader = csv.reader(lines)
    header = _header(path, reader, columns)
    while True:
        first = reader.line_num + 1
        try:
            row = next(reader, None)
            problem = _row_problem(row or [], header)
        except csv.Error as error:
            row, problem = [], str(error)
        if row is None:
            return
        last = reader.line_num
        if problem:
            span = f"{first}" if first == last else f"{first}-{last}"
            yield DamagedRow(f"{path}:{span}", problem)
        elif row:
            yield last, dict(zip(header, row, strict=True))


def _header(
    path: Path, reader: Iterator[list[str]], columns: Sequence[str]
) -> list[str]:
    """Read the header line, which must name the columns."""
    try:
        header = next(reader, [])
    except csv.Error as error:
        raise DataError(f"{path}:1: {error}") from error
    for column in columns:
        if column not in header:
            raise DataError(f"{path}:1: no column {column}; the header must name it")
    return header


def _row_problem(row: list[str], header: list[str]) -> str:
    if row and len(row) != len(header):
        return f"{len(row)} fields, but the header has {len(header)}"
    return "" if all(map(is_utf8, row)) else "not UTF-8"


def clip_with_text(audio: Path, text: Path, speaker: str, name: str) -> Row:
    """Return an English utterance whose transcript is a file of its own."""
    try:
        return Utterance(audio, read_text(text), speaker=speaker, lang="en", id=name)
    except DataError as error:
        return DamagedRow(name, str(error))
