"""Lines of results, on standard output or in a file."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import click

from asr.cli import terminal
from asr.cli.terminal import prints_to_terminal, visible
from asr.errors import OutputError, UsageError
from asr.files import atomic_write, check_folder
from asr.formats.layout import Layout
from asr.formats.writers import WORD_FORMATS, WRITERS
from asr.metrics.alignment import alignment_text

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from asr.cli.inputs import Source
    from asr.formats.transcript import Segment, Transcript
    from asr.metrics.alignment import Aligned, Operation

_COLOURS = {"S": "yellow", "D": "red", "I": "cyan"}


def check_overwritable(*paths: Path | None) -> None:
    """Make sure, before hours of work, that files can be written after them.

    Raises:
        OutputError: A file's folder is not there, or not open to us.
    """
    for path in paths:
        if path is not None and path != Path("-"):
            check_folder(path.parent)


def write_lines(path: Path, lines: Iterable[str]) -> None:
    """Write lines into a file, complete or not at all; `-` is standard output."""
    if path == Path("-"):
        for line in lines:
            click.echo(line)
        return
    with atomic_write(path) as file:
        file.writelines(f"{line}\n" for line in lines)


def write_alignments(
    path: Path, alignments: Iterable[tuple[str, Sequence[Aligned]]]
) -> None:
    """Write reference over hypothesis, on a terminal in colour and no wider than it.

    Args:
        path: File; `-` is standard output.
        alignments: Utterances and their steps.
    """
    terminal = path == Path("-") and prints_to_terminal()
    write_lines(path, _texts(alignments, terminal=terminal))


def _texts(
    alignments: Iterable[tuple[str, Sequence[Aligned]]], *, terminal: bool
) -> Iterator[str]:
    columns = shutil.get_terminal_size().columns if terminal else None
    for name, steps in alignments:
        if terminal:
            name = visible(name)
            steps = [
                step._replace(
                    reference=visible(step.reference),
                    hypothesis=visible(step.hypothesis),
                )
                for step in steps
            ]
        text = alignment_text(
            steps, columns=columns, paint=_paint if terminal else None
        )
        yield f"{name}\n{text}\n"


def _paint(operation: Operation, word: str) -> str:
    colour = _COLOURS.get(operation)
    return click.style(word, fg=colour) if colour else word


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
