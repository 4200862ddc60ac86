"""Lines of results, on standard output or in a file."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import click

from asr.alignment import alignment_text
from asr.cli.terminal import prints_to_terminal, visible
from asr.resources import atomic_write, check_folder

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from asr.alignment import Aligned, Operation

_COLOURS = {"S": "yellow", "D": "red", "I": "cyan"}


def check(*paths: Path | None) -> None:
    """Make sure, before hours of work, that files can be written after them.

    Raises:
        OutputError: A file's folder is not there, or not open to us.
    """
    for path in paths:
        if path is not None and path != Path("-"):
            check_folder(path.parent)


def write(path: Path, lines: Iterable[str]) -> None:
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
    write(path, _texts(alignments, terminal=terminal))


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
