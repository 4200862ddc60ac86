"""What a corpus reader is, and what the readers share."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from typing import TYPE_CHECKING

from asr.audio.io import AUDIO_EXTENSIONS
from asr.data.manifest import text_lines
from asr.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from asr.data.manifest import Utterance


@dataclass(frozen=True)
class Corpus:
    """How to read one kind of corpus.

    Args:
        name: Its key in `CORPORA`.
        subsets: Lists the subsets that a folder holds; none where the folder holds no
            corpus of this kind.
        read: Reads a subset from a folder: utterances in a fixed order, texts as the
            corpus has them, without looking at the recordings. A recording that is
            missing keeps the name it should have. Raises DataError where the subset or
            a transcript file is missing, or a line is malformed.
        folder: Where the shipped recipes look for it, below `speech` in the data
            directory; nothing where a corpus of this kind may be any.
    """

    name: str
    subsets: Callable[[Path], list[str]]
    read: Callable[[Path, str], Iterator[Utterance]]
    folder: str = ""


_FOLDERS = 64  # whose listings are kept


class Clips:
    """Finds recordings whatever their extension, listing each folder once."""

    def __init__(self) -> None:
        self._folders: dict[Path, tuple[set[str], dict[str, Path]]] = {}

    def folder(self, path: Path) -> dict[str, Path]:
        """List the recordings directly in a folder.

        Args:
            path: The folder; it may be missing.

        Returns:
            Name without extension -> recording, sorted by name.
        """
        return self._listed(path)[1]

    def find(self, path: Path) -> Path:
        """Find a recording under its name, or under that name with another extension.

        Args:
            path: The recording with the extension that the corpus is published with.

        Returns:
            The recording that is there, or `path` where there is none.
        """
        names, recordings = self._listed(path.parent)
        return path if path.name in names else recordings.get(path.stem, path)

    def _listed(self, path: Path) -> tuple[set[str], dict[str, Path]]:
        """Return the names of all files in a folder, and its recordings by stem."""
        if path not in self._folders:
            if len(self._folders) == _FOLDERS:
                del self._folders[next(iter(self._folders))]
            files = sorted(path.iterdir()) if path.is_dir() else []
            found: dict[str, Path] = {}
            for file in files:
                if file.suffix.lower() in AUDIO_EXTENSIONS:
                    found.setdefault(file.stem, file)
            self._folders[path] = {file.name for file in files}, found
        return self._folders[path]


def check_subset(corpus: str, root: Path, subset: str, subsets: Sequence[str]) -> None:
    """Refuse a subset that the folder does not hold.

    Args:
        corpus: Name of the corpus, for the message.
        root: The corpus's folder.
        subset: The subset asked for.
        subsets: The subsets that exist.

    Raises:
        DataError: There is no such folder, corpus or subset.
    """
    if not root.exists():
        raise DataError(f"{root}: no such file or folder")
    if not subsets:
        raise DataError(f"{root}: not a corpus of the kind {corpus}")
    if subset not in subsets:
        there = ", ".join(subsets)
        raise DataError(
            f"{root}: {corpus} has no subset {subset!r} here; it has {there}"
        )


def folders_with(root: Path, marker: str) -> dict[str, Path]:
    """Find the subsets of a corpus whose subsets are folders with a certain file.

    Args:
        root: The corpus's folder, or the folder of one subset.
        marker: Glob pattern of the file, relative to a subset's folder.

    Returns:
        Name of the subset -> its folder, sorted; where `root` itself is a subset, that
        one by the name of its folder.
    """
    if not root.is_dir():
        return {}
    if any(root.glob(marker)):
        return {root.resolve().name: root}
    folders = sorted(path for path in root.iterdir() if path.is_dir())
    return {path.name: path for path in folders if any(path.glob(marker))}


def read_table(path: Path) -> dict[str, tuple[int, str]]:
    """Read lines of the form `key rest of the line`.

    Args:
        path: The file.

    Returns:
        Key -> line number and the rest, stripped (maybe empty), in the file's order.

    Raises:
        DataError: The file cannot be read, or a key comes twice.
    """
    entries: dict[str, tuple[int, str]] = {}
    for number, line in text_lines(path):
        key, _, rest = line.strip().replace("\t", " ").partition(" ")
        if key in entries:
            raise DataError(f"{path}:{number}: {key} comes twice; keep one line of it")
        if key:
            entries[key] = (number, rest.strip())
    return entries


def read_rows(
    path: Path, *, columns: Sequence[str], delimiter: str = ",", quoted: bool = True
) -> Iterator[tuple[int, dict[str, str]]]:
    """Read a CSV or TSV file with a header line.

    Args:
        path: The file.
        columns: Columns that the header must name.
        delimiter: What separates fields.
        quoted: Whether `"` quotes fields, or is a character like any other.

    Yields:
        The number of the row's last line, and the row by column.

    Raises:
        DataError: The file cannot be read, lacks a column, or a row has too many or too
            few fields.
    """
    lines = (f"{line}\n" for _, line in text_lines(path))
    reader = csv.reader(
        lines,
        delimiter=delimiter,
        quoting=csv.QUOTE_MINIMAL if quoted else csv.QUOTE_NONE,
    )
    try:
        header = next(reader, [])
        missing = [column for column in columns if column not in header]
        if missing:
            raise DataError(
                f"{path}:1: no column {missing[0]}; the header must name it"
            )
        for row in filter(None, reader):
            if len(row) != len(header):
                raise DataError(
                    f"{path}:{reader.line_num}: {len(row)} fields, but the header has "
                    f"{len(header)}"
                )
            yield reader.line_num, dict(zip(header, row, strict=True))
    except csv.Error as error:
        raise DataError(f"{path}:{reader.line_num}: {error}") from error
