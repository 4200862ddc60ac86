"""Alignments of references and hypotheses, on a terminal or in a file."""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Sequence
from pathlib import Path

import click

from asr.cli import outputs, terminal
from asr.metrics.alignment import Aligned, Operation, alignment_text

_COLOURS = {"S": "yellow", "D": "red", "I": "cyan"}


def write_alignments(
    path: Path, alignments: Iterable[tuple[str, Sequence[Aligned]]]
) -> None:
    """Write each named alignment; on a terminal in colour and in its width."""
    coloured = path == Path("-") and terminal.prints_to_terminal()
    show = _coloured if coloured else alignment_text
    name_of = terminal.escaped if coloured else str
    outputs.write_lines(
        path, (f"{name_of(name)}\n{show(x)}\n" for name, x in alignments)
    )


def _coloured(steps: Sequence[Aligned]) -> str:
    escaped = terminal.escaped
    printable = [Aligned(x[0], escaped(x[1]), escaped(x[2])) for x in steps]
    columns = shutil.get_terminal_size().columns
    return alignment_text(printable, columns=columns, paint=_paint)


def _paint(operation: Operation, word: str) -> str:
    return click.style(word, fg=_COLOURS[operation]) if operation != "C" else word
