"""Recordings named on the command line, and the names of their outputs."""

from __future__ import annotations

import sys
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, TypeAlias

import asr
from asr.errors import AsrError, AudioError, UsageError
from asr.formats.writers import WRITERS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from asr.audio.decoders import RawSamples

Source: TypeAlias = "Path | BinaryIO | RawSamples"

FORMATS = [*WRITERS, "all"]


def find_recordings(
    arguments: Sequence[str], rate: int | None = None
) -> Iterator[Source | AsrError]:
    """Find the recordings of files, folders and `-` (standard input), each once.

    Args:
        arguments: Files, folders and `-`.
        rate: Sample rate of raw audio on standard input; None if it has a header.

    Yields:
        Recordings in the order of the arguments; an error for an argument without any,
        and for a file that is no recording.
    """
    from asr.audio.io import find_audio  # noqa: PLC0415 - NumPy; `--help` needs none

    seen: set[Source] = set()
    for argument in arguments:
        sources: Sequence[Source]
        try:
            sources = [_stdin(rate)] if argument == "-" else find_audio(argument)
        except AsrError as error:
            yield error
            continue
        for source in sources:
            if source not in seen:
                seen.add(source)
                yield _error(source) or source


def _error(source: Source) -> AsrError | None:
    """Return the error of a file that no decoder accepts; a pipe is read only once."""
    from asr.audio.decoders import open_audio  # noqa: PLC0415 - as above

    try:
        if isinstance(source, Path) and source.is_file():
            with open_audio(source):
                pass
    except AsrError as error:
        return error
    except OSError as error:
        return AudioError(f"{source}: {error.strerror}")
    return None


def _stdin(rate: int | None) -> Source:
    piped = sys.stdin.buffer
    return piped if rate is None else asr.RawSamples(piped, rate)


def total_seconds(
    sources: Iterable[Source], start: float = 0.0, end: float | None = None
) -> float | None:
    """Add up the durations from `start` to `end`, as given by the headers.

    Returns:
        Seconds; None if a source is a pipe, which can be read only once.
    """
    from asr.audio.io import inspect  # noqa: PLC0415 - as above

    total = 0.0
    for source in sources:
        try:
            if not isinstance(source, Path) or not source.is_file():
                return None
            duration = inspect(source).duration
        except (AsrError, OSError):  # reported when the source is transcribed
            continue
        total += max(0.0, (duration if end is None else min(end, duration)) - start)
    return total


def display_name(source: Source) -> str:
    """Return the name of a recording in messages and results."""
    return str(source) if isinstance(source, Path) else "-"


def output_names(
    sources: Iterable[Source], arguments: Iterable[str], *, resume: bool = False
) -> dict[Source, str]:
    """Give each recording a distinct output name.

    A file in a named folder keeps its path below that folder. Recordings with the same
    stem keep their suffixes (`a.wav`, `a.flac`). If those are equal too, later ones get
    a number.

    Args:
        sources: Recordings.
        arguments: Files and folders that the user named.
        resume: Names must be the same next time, beside other recordings.

    Returns:
        Recording -> path below the output folder without suffix, with `/`.

    Raises:
        UsageError: A name needs a number, and `resume` is set.
    """
    folders = [Path(argument) for argument in arguments if is_folder(argument)]
    paths = {source: _path_below(source, folders) for source in sources}
    stems = Counter(_stem(path).casefold() for path in paths.values())
    names: dict[Source, str] = {}
    taken: set[str] = set()  # casefolded: a.txt may be the same file as A.txt
    for source, path in paths.items():
        unique = stems[_stem(path).casefold()] == 1
        base = name = _stem(path) if unique else path.as_posix()
        number = 1
        while name.casefold() in taken:
            if resume:
                raise UsageError(
                    f"--resume: several recordings are called {base}; name their folder"
                )
            number += 1
            name = f"{base}-{number}"
        taken.add(name.casefold())
        names[source] = name
    return names


def is_folder(argument: str) -> bool:
    """Return whether an argument is a folder that can be opened."""
    try:
        return Path(argument).is_dir()
    except OSError:
        return False


def _path_below(source: Source, folders: Iterable[Path]) -> Path:
    if not isinstance(source, Path):
        return Path("stdin")
    for folder in folders:
        if source.is_relative_to(folder):
            below = source.relative_to(folder)
            if ".." not in below.parts:  # ../a.wav counts as below `.`
                return below
    return Path(source.name)


def _stem(path: Path) -> str:
    return path.with_suffix("").as_posix()
