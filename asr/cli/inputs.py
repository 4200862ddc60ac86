"""Which recordings the arguments name, and where each one's text goes."""

from __future__ import annotations

import sys
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from asr.audio.decoders import RawSamples
from asr.audio.io import find_audio, inspect
from asr.errors import AsrError, UsageError
from asr.formats.writers import WRITERS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

Source = Path | BinaryIO | RawSamples

FORMATS = [*WRITERS, "all"]


def find(
    arguments: Sequence[str], rate: int | None = None
) -> Iterator[Source | AsrError]:
    """Walk files and folders, each recording once; `-` is standard input.

    Args:
        arguments: Files, folders and `-`.
        rate: Rate of raw samples on standard input; None for a recording with a header.

    Yields:
        Recordings in the order of the arguments; an error for one that holds none.
    """
    seen: set[Source] = set()
    for argument in arguments:
        found: Sequence[Source]
        try:
            found = [_stdin(rate)] if argument == "-" else find_audio(argument)
        except AsrError as error:
            yield error
            continue
        for source in found:
            if source not in seen:
                seen.add(source)
                yield source


def _stdin(rate: int | None) -> Source:
    piped = sys.stdin.buffer
    return piped if rate is None else RawSamples(piped, rate)


def seconds(
    sources: Iterable[Source], start: float = 0.0, end: float | None = None
) -> float | None:
    """Add up the lengths of recordings from `start` to `end`, as their headers say.

    Returns:
        Seconds, or None if one cannot be known before it is read.
    """
    total = 0.0
    for source in sources:
        try:
            if not isinstance(source, Path) or not source.is_file():
                return None  # a pipe can be read but once
            whole = inspect(source).duration
        except (AsrError, OSError):  # it is told of when its turn comes
            continue
        total += max(0.0, (whole if end is None else min(end, whole)) - start)
    return total


def label(source: Source) -> str:
    """Name a recording as the user did."""
    return str(source) if isinstance(source, Path) else "-"


def name_all(
    sources: Iterable[Source], arguments: Iterable[str], *, resume: bool = False
) -> dict[Source, str]:
    """Give each recording an output name, no two of them the same.

    A file below a folder that was walked keeps its path below it. Two with the same
    stem keep their endings (`a.wav`, `a.flac`); if even those are the same, the later
    ones are numbered.

    Args:
        sources: Recordings.
        arguments: Files and folders that the user named.
        resume: Whether a name must be the same next time, beside other recordings.

    Returns:
        Recording -> path below the output folder without the output's ending, `/`
        between its parts.

    Raises:
        UsageError: One would have to be numbered, and is looked for next time.
    """
    folders = [Path(argument) for argument in arguments if is_folder(argument)]
    paths = {source: _below(source, folders) for source in sources}
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
                    f"--resume: several recordings are called {base}; give the folder "
                    "that holds theirs"
                )
            number += 1
            name = f"{base}-{number}"
        taken.add(name.casefold())
        names[source] = name
    return names


def is_folder(argument: str) -> bool:
    """Tell whether an argument is a folder that may be looked into."""
    try:
        return Path(argument).is_dir()
    except OSError:
        return False


def _below(source: Source, folders: Iterable[Path]) -> Path:
    if not isinstance(source, Path):
        return Path("stdin")
    for folder in folders:
        if source.is_relative_to(folder):
            below = source.relative_to(folder)
            if ".." not in below.parts:  # ../a.wav has the parts of . and more
                return below
    return Path(source.name)


def _stem(path: Path) -> str:
    return path.with_suffix("").as_posix()


def check_input(
    arguments: Sequence[str], rate: int | None, start: float, end: float | None
) -> None:
    """Refuse to read nothing, and a rate of what is not read.

    Raises:
        UsageError: There is a rate, and standard input is not among the arguments; or
            `end` is not after `start`.
    """
    if rate is not None and "-" not in arguments:
        raise UsageError("--rate is that of standard input, -; files tell theirs")
    if end is not None and end <= start:
        raise UsageError(f"--end {end:g} is not after --start {start:g}")
