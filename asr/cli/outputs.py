"""Which recordings the arguments name, and where each one's text goes."""

from __future__ import annotations

import json
import sys
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

import click

from asr.audio import find_audio, inspect
from asr.cli import terminal
from asr.errors import AsrError, OutputError, UsageError
from asr.recording import RawSamples
from asr.resources import atomic_write, check_folder
from asr.writers import WORD_FORMATS, WRITERS, Layout

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from asr.transcript import Segment, Transcript

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


def check(
    output_format: str,
    *,
    folder: Path | None,
    several: bool,
    n_best: int = 1,
    word_timestamps: bool = False,
    resume: bool = False,
) -> None:
    """Refuse output that nobody could read apart, or find again.

    Args:
        output_format: One of `FORMATS`.
        folder: Output folder, or None for standard output.
        several: Whether there may be more than one recording.
        n_best: Readings of each.
        word_timestamps: Whether times of words are asked for.
        resume: Whether files of recordings are looked for.

    Raises:
        UsageError: The output folder is missing, or the format has no room.
    """
    if n_best > 1 and output_format not in ("json", "all"):
        raise UsageError("--n-best lists hypotheses in json; give --output-format json")
    if word_timestamps and output_format not in (*WORD_FORMATS, "json", "all"):
        raise UsageError(
            f"--word-timestamps: {output_format} has no times of words; give "
            "--output-format json"
        )
    if resume and folder is None:
        raise UsageError("--resume looks for files; give --output-dir")
    if folder is not None or output_format in ("txt", "json", "ctm", "trn"):
        return
    if output_format == "all" or several:
        what = "all formats" if output_format == "all" else f"several {output_format}"
        raise UsageError(f"{what} do not fit standard output; give --output-dir")


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


def worded(output_format: str, times_words: bool) -> bool:
    """Tell whether a format takes times of words, if the model can tell them.

    Raises:
        UsageError: The format cannot do without, and the model cannot.
    """
    if not times_words and output_format in ("ctm", "all"):
        raise UsageError(
            f"{output_format} needs times of words, and this model has no CTC head to "
            "tell them; name another format"
        )
    return times_words and output_format in (*WORD_FORMATS, "all")


def _shown(text: str) -> str:
    return terminal.visible(text) if terminal.prints_to_terminal() else text


def segment_to_stdout(segment: Segment) -> None:
    """Print the text of a part of a recording."""
    click.echo(_shown(segment.text))
    terminal.flush_stdout()


def to_stdout(
    transcript: Transcript, output_format: str, layout: Layout, *, name: str | None
) -> None:
    """Print a transcript.

    Args:
        transcript: What to print.
        output_format: A key of `WRITERS`.
        layout: What the format leaves open.
        name: The recording's name where several are printed: in front of the text,
            or as `audio_filepath` in JSON.
    """
    text = WRITERS[output_format](transcript, layout)
    if name is not None and output_format == "json":
        named = {"audio_filepath": name, **json.loads(text)}
        text = json.dumps(named, ensure_ascii=False) + "\n"
    elif name is not None and output_format == "txt":
        text = f"{name}: {transcript.text}".rstrip() + "\n"
    click.echo(_shown(text), nl=False)
    terminal.flush_stdout()  # whoever reads along gets each text when it is there


def to_files(
    transcript: Transcript, output_format: str, layout: Layout, *, folder: Path
) -> None:
    """Write a transcript into files `FOLDER/NAME.FORMAT`, complete or not at all.

    Args:
        transcript: What to write.
        output_format: A key of `WRITERS`, or `all`.
        layout: What the formats leave open; its name is the path below the folder,
            without the ending.
        folder: Output folder, made where missing.

    Raises:
        OutputError: A file cannot be written.
    """
    for kind, path in _files(folder, layout.name, output_format).items():
        make_folder(path.parent)
        with atomic_write(path) as file:
            file.write(WRITERS[kind](transcript, layout))


def missing(
    recordings: Iterable[Source],
    names: Mapping[Source, str],
    folder: Path,
    output_format: str,
) -> list[Source]:
    """Return the recordings of which a file is not there yet.

    Args:
        recordings: Recordings.
        names: What `name_all` returned.
        folder: Output folder.
        output_format: As in `to_files`.
    """
    return [
        source
        for source in recordings
        for paths in [_files(folder, names[source], output_format).values()]
        if not all(path.is_file() for path in paths)
    ]


def _files(folder: Path, name: str, output_format: str) -> dict[str, Path]:
    formats = list(WRITERS) if output_format == "all" else [output_format]
    return {kind: folder / f"{name}.{kind}" for kind in formats}


def make_folder(folder: Path) -> None:
    """Make an output folder and those above it.

    Raises:
        OutputError: It cannot be made, or nothing can be written into it.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(
            f"cannot make the folder {folder}: {error.strerror}"
        ) from error
    check_folder(folder)
