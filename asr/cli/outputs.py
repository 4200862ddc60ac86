"""Results on standard output or in files."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from asr.cli import terminal
from asr.errors import OutputError, UsageError
from asr.files import atomic_write, check_folder
from asr.formats.named import named_json, named_txt
from asr.formats.writers import WORD_FORMATS, WRITERS

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from asr.cli.inputs import Source
    from asr.formats.layout import Layout
    from asr.formats.transcript import Segment, Transcript


def check_overwritable(*paths: Path | None) -> None:
    """Check before hours of work that files can be written after them."""
    for path in paths:
        if path is not None and path != Path("-"):
            check_folder(path.parent)


def write_lines(path: Path, lines: Iterable[str]) -> None:
    """Write lines to a file, complete or not at all; `-` is standard output."""
    if path == Path("-"):
        for line in lines:
            click.echo(line)
        return
    with atomic_write(path) as file:
        file.writelines(f"{line}\n" for line in lines)


def formats(names: Iterable[str]) -> tuple[str, ...]:
    """Return the keys of `WRITERS` that names of `FORMATS` stand for, each once."""
    return tuple(
        dict.fromkeys(
            kind for name in names for kind in (WRITERS if name == "all" else [name])
        )
    )


def wants_word_times(kinds: Sequence[str], times_words: bool) -> bool:
    """Return whether a format gets times of words.

    Args:
        kinds: Formats, keys of `WRITERS`.
        times_words: The model can find times of words.

    Raises:
        UsageError: A format needs times of words, and the model cannot find them.
    """
    if not times_words and "ctm" in kinds:
        raise UsageError(
            "ctm needs times of words, and this model has no CTC head to find them; "
            "choose another format"
        )
    return times_words and not WORD_FORMATS.isdisjoint(kinds)


def _printable(text: str) -> str:
    return terminal.escaped(text) if terminal.prints_to_terminal() else text


def print_segment(segment: Segment) -> None:
    """Print the text of a segment."""
    click.echo(_printable(segment.text))
    terminal.flush_stdout()


def print_transcript(
    transcript: Transcript, output_format: str, layout: Layout, *, name: str | None
) -> None:
    """Print a transcript in a format of `WRITERS`.

    If several are printed, `name` stands in front of the text. JSON has it as
    `audio_filepath`.
    """
    text = WRITERS[output_format](transcript, layout)
    if name is not None and output_format == "json":
        text = named_json(text, {"audio_filepath": name})
    elif name is not None and output_format == "txt":
        text = named_txt(transcript, name)
    click.echo(_printable(text), nl=False)
    terminal.flush_stdout()  # a reader of the pipe gets each text at once


def write_transcript(
    transcripts: Mapping[str, Transcript],
    layout: Layout,
    folder: Path,
    name: str,
) -> list[Path]:
    """Write transcripts, by format, to `FOLDER/NAME.FORMAT`, each complete or not.

    `layout.name` is the path below the folder, which is made if missing. JSON has the
    `name` of the recording as `audio_filepath`.

    Returns:
        The files.

    Raises:
        OutputError: A file cannot be written.
    """
    files = _files(folder, layout.name, transcripts)
    for kind, path in files.items():
        make_folder(path.parent)
        with atomic_write(path) as file:
            text = WRITERS[kind](transcripts[kind], layout)
            named = kind == "json"
            file.write(named_json(text, {"audio_filepath": name}) if named else text)
    return list(files.values())


def without_outputs(
    recordings: Iterable[Source],
    names: Mapping[Source, str],
    folder: Path,
    kinds: Sequence[str],
) -> list[Source]:
    """Return the recordings that lack an output file of `write_transcript`."""
    return [
        source
        for source in recordings
        for paths in [_files(folder, names[source], kinds).values()]
        if not all(path.is_file() for path in paths)
    ]


def _files(folder: Path, name: str, kinds: Iterable[str]) -> dict[str, Path]:
    return {kind: folder / f"{name}.{kind}" for kind in kinds}


def make_folder(folder: Path) -> None:
    """Make an output folder and its parents, and check that it is writable."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        reason = f"cannot make the folder {folder}: {error.strerror}"
        raise OutputError(reason) from error
    check_folder(folder)
