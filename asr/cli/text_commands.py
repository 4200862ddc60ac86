"""Arguments and output that `asr translate` and `asr summarize` share."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

import asr
from asr.cli import options, terminal
from asr.cli.options import option
from asr.data.text_files import text_lines
from asr.errors import DataError, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from asr.inference.generator import Generation

F = TypeVar("F", bound="Callable[..., Any]")


def arguments(model: str) -> Callable[[F], F]:
    """Add the arguments and options of a text-to-text command.

    Args:
        model: Bundled model that is the default.
    """
    return options.combined(
        click.argument("sources", nargs=-1, metavar="[TEXT|FILE|-]..."),
        options.model_named(model),
        options.n_best("Print n-best hypotheses as number, score and text."),
        options.beam_size,
        options.threads,
        option("--json as_json", bool, "Print one JSON object a line, with scores."),
    )


def read(sources: Sequence[str], *, whole: bool) -> Iterator[str]:
    """Yield the texts of the arguments.

    Args:
        sources: Texts, files, or `-` for standard input, which is also the default.
        whole: A file is one text; otherwise each line is a text.

    Raises:
        DataError: A file is missing or unreadable.
        UsageError: There are no sources, and standard input is a terminal.
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
        exists = Path(source).is_file()
    except OSError:  # longer than any file name
        return False
    looks_like_file = " " not in source and (
        "/" in source or Path(source).suffix in (".txt", ".tsv", ".md")
    )
    if looks_like_file and not exists:
        raise DataError(f"{source}: no such file")
    return exists


def write(
    sources: Sequence[str],
    *,
    whole: bool,
    model: str,
    n_best: int,
    beam_size: int | None,
    threads: int | None,
    as_json: bool,
) -> None:
    """Print the output of a model for each text of `read` as soon as it is ready."""
    generator = asr.load_text(model, threads=threads)
    decoding = options.decoding_config(
        generator.decoding, {"beam_size": beam_size, "n_best": n_best}
    )
    texts = read(sources, whole=whole)
    generations: Iterable[Generation]
    if "-" in sources and sys.stdin.isatty():  # answer each typed line at once
        generations = (generator.generate(text, decoding=decoding) for text in texts)
    else:
        generations = generator.generate_many(texts, decoding=decoding)
    for number, generation in enumerate(generations, 1):
        if generation.left_out:
            click.echo(
                f"warning: text {number}: read {generator.config.model.text.longest} "
                f"of its {generation.source_tokens} tokens, the limit of the model",
                err=True,
            )
        if as_json:
            click.echo(json.dumps(generation.to_json(), ensure_ascii=False))
        elif n_best == 1:
            click.echo(generation.text)
        else:
            for hypothesis in generation.alternatives:
                click.echo(f"{number}\t{hypothesis.score:.4f}\t{hypothesis.text}")
        terminal.flush_stdout()
