"""What `asr translate` and `asr summarize` share: sources in, results out."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypedDict, TypeVar

import click

import asr
from asr.cli import options, terminal
from asr.data.text_files import text_lines
from asr.errors import DataError, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from asr.inference.generator import Generation

F = TypeVar("F", bound="Callable[..., Any]")


def arguments(model: str) -> Callable[[F], F]:
    """Add arguments and options of a command that turns texts into texts.

    Args:
        model: Bundled model that is used by default.
    """
    added = (
        click.argument("sources", nargs=-1, metavar="[TEXT|FILE|-]..."),
        options.model_named(model),
        click.option(
            "--n-best",
            type=click.IntRange(1, 256),
            default=1,
            show_default=True,
            help="Readings of each text, as lines of number, score and text.",
        ),
        options.beam_size,
        click.option(
            "--json",
            "as_json",
            is_flag=True,
            help="Print a JSON object a line, with scores.",
        ),
    )

    def add(command: F) -> F:
        for option in reversed(added):
            command = option(command)
        return command

    return add


class Options(TypedDict):
    """What `arguments` adds beside the sources."""

    model: str
    n_best: int
    beam_size: int | None
    as_json: bool


def read(sources: Sequence[str], *, whole: bool) -> Iterator[str]:
    """Yield the texts that arguments stand for.

    Args:
        sources: Texts, names of files, or `-` for standard input, which is also read
            where there are none.
        whole: Whether a file is one text; otherwise each line is.

    Raises:
        DataError: A file is missing or cannot be read.
        UsageError: There is nothing to read.
    """
    if not sources and sys.stdin.isatty():
        raise UsageError("give a text, a file, or - for standard input")
    for source in sources or ("-",):
        lines: Iterator[str]
        if source == "-":
            # Bytes that are not UTF-8 become the replacement character.
            lines = (line.decode("utf-8", "replace") for line in sys.stdin.buffer)
        elif _is_file(source):
            lines = (line for _, line in text_lines(Path(source)))
        else:
            yield source
            continue
        if whole:
            yield " ".join(" ".join(lines).split())
        else:
            yield from (line.rstrip("\r\n") for line in lines)


def _is_file(source: str) -> bool:
    try:
        there = Path(source).is_file()
    except OSError:  # longer than any name
        return False
    looks = " " not in source and (
        "/" in source or Path(source).suffix in (".txt", ".tsv", ".md")
    )
    if looks and not there:
        raise DataError(f"{source}: no such file")
    return there


def write(sources: Sequence[str], given: Options, *, whole: bool) -> None:
    """Print what texts become, as soon as it is known; arguments as for `read`."""
    terminal.start_backend()
    generator = asr.load_text(given["model"])
    decoding = options.decoding_config(
        generator.decoding,
        beam_size=given["beam_size"],
        ctc_weight=None,
        n_best=given["n_best"],
    )
    texts = read(sources, whole=whole)
    found: Iterator[Generation]
    if "-" in sources and sys.stdin.isatty():  # who types wants an answer to each line
        found = (generator.generate(text, decoding=decoding) for text in texts)
    else:
        found = generator.generate_many(texts, decoding=decoding)
    for number, generation in enumerate(found, 1):
        if generation.left_out:
            click.echo(
                f"warning: text {number}: read {generator.config.model.text.longest} "
                f"of its {generation.source_tokens} tokens, as far as the model goes",
                err=True,
            )
        _print(number, generation, given)
        terminal.flush_stdout()


def _print(number: int, generation: Generation, given: Options) -> None:
    if given["as_json"]:
        click.echo(json.dumps(generation.to_json(), ensure_ascii=False))
    elif given["n_best"] == 1:
        click.echo(generation.text)
    else:
        for reading in generation.alternatives:
            click.echo(f"{number}\t{reading.score:.4f}\t{reading.text}")
