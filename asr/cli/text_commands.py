"""Arguments and output of `asr translate`, `asr summarize` and `asr pronounce`."""

from __future__ import annotations

import codecs
import sys
from itertools import chain, groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, cast

import click

from asr.cli import options, terminal
from asr.cli.options import option
from asr.data.text_files import text_lines
from asr.errors import DataError, UsageError, address_in, cannot_read

if TYPE_CHECKING:
    import io
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from asr.inference.generator import Generation, TextGenerator


_AT_ONCE = 65536  # bytes of standard input, as a pipe holds them

F = TypeVar("F", bound="Callable[..., Any]")


def arguments(
    model: str,
    *,
    metavar: str = "[TEXT|FILE|-]...",
    n_best: str = "Print n-best hypotheses as number, score and text.",
) -> Callable[[F], F]:
    """Add the arguments and options of a command with this default model."""
    return options.combined(
        click.argument("sources", nargs=-1, metavar=metavar),
        options.model_named(model),
        options.n_best(n_best),
        options.beam_size,
        options.threads,
        option("--json as_json", bool, "Print one JSON object a line, with scores."),
        option("--attention", bool, "Add attention weights to --json."),
    )


def read(sources: Sequence[str], *, whole: bool) -> Iterator[str]:
    """Yield the texts of arguments: texts, files, or `-` for standard input.

    A file or an argument is one text if `whole` is set; otherwise each line is one.
    """
    for texts in read_groups(sources, whole=whole):
        yield from texts


def read_groups(sources: Sequence[str], *, whole: bool) -> Iterator[Iterable[str]]:
    """Yield the texts of `read` in groups: each is answered before the next is read.

    A group of standard input has the lines that were written to it so far.
    """
    check_given(sources)
    given = sources or ("-",)
    for piped, group in groupby(given, lambda it: it == "-" and not whole):
        names = tuple(group)
        if piped:
            yield from chain.from_iterable(_piped_lines() for _ in names)
        else:
            yield chain.from_iterable(_texts(name, whole=whole) for name in names)


def _texts(source: str, *, whole: bool) -> Iterable[str]:
    """Return the texts of an argument: its lines, or the `whole` of them as one."""
    lines: Iterable[str]
    if source == "-":
        lines = chain.from_iterable(_piped_lines())
    elif _is_file(source):
        lines = (line.rstrip("\r\n") for _, line in text_lines(Path(source)))
    else:
        lines = source.splitlines() or [""]
    return [" ".join(" ".join(lines).split())] if whole else lines


def _piped_lines() -> Iterator[list[str]]:
    """Yield the new lines of standard input in lists, as soon as there are any.

    Bytes that are not UTF-8 become U+FFFD.
    """
    mark = codecs.BOM_UTF8  # pipes of Windows begin with it
    rest = b""
    stdin = cast("io.BufferedReader", sys.stdin.buffer)
    while read := stdin.read1(_AT_ONCE):
        *lines, rest = (rest + read).split(b"\n")
        if lines:
            lines[0] = lines[0].removeprefix(mark)
            mark = b""
            yield [_decoded(line) for line in lines]
    if rest:
        yield [_decoded(rest.removeprefix(mark))]


def _decoded(line: bytes) -> str:
    return line.decode("utf-8", "replace").rstrip("\r")


def check_given(sources: Sequence[str]) -> None:
    """Refuse a call without a text."""
    if not sources and sys.stdin.isatty():
        raise UsageError("give a text, a file, or - for standard input")


def is_typed(source: str) -> bool:
    """Tell whether a source is typed into a terminal."""
    return source == "-" and sys.stdin.isatty()


def _is_file(source: str) -> bool:
    try:
        exists = Path(source).is_file()
    except OSError:  # longer than any file name
        return False
    path = Path(source)
    is_path = source.startswith(("/", "./", "../", "~")) or path.parent.is_dir()
    named_like_one = path.suffix in (".txt", ".tsv", ".md")
    named_like_one |= "/" in source and is_path  # unlike "and/or"
    named_like_one |= bool(address_in(source))
    if named_like_one and " " not in source and not exists:
        raise DataError(cannot_read(source, "no such file"))
    return exists


def generate(
    generator: TextGenerator,
    groups: Iterable[Iterable[str]],
    *,
    attention: bool,
    search: Any,
) -> Iterator[Generation]:
    """Yield what a model writes for each text, group by group.

    Args:
        generator: The model.
        groups: The texts; see `read_groups`.
        attention: Whether to add attention weights.
        search: Values of `n_best` and `beam_size`.
    """
    decoding = options.decoding_config(generator.decoding, search)
    for texts in groups:
        yield from generator.generate_many(
            texts, decoding=decoding, attention=attention
        )


def check_attention(*, attention: bool, as_json: bool) -> None:
    """Refuse attention weights where they are not printed."""
    if attention and not as_json:
        raise UsageError("--attention adds weights to JSON; give --json")


def write(
    sources: Sequence[str],
    *,
    whole: bool,
    model: str,
    threads: int | None,
    as_json: bool,
    attention: bool,
    **search: int | None,
) -> None:
    """Print the output of a model for each text of `read_groups`."""
    from asr.inference.generator import load_generator  # noqa: PLC0415 - start-up time

    check_attention(attention=attention, as_json=as_json)
    generator = load_generator(model, threads=threads)
    groups = read_groups(sources, whole=whole)
    generations = generate(generator, groups, attention=attention, search=search)
    for number, generation in enumerate(generations, 1):
        if generation.left_out:
            click.echo(
                f"warning: text {number}: read {generator.config.model.text.longest} "
                f"of its {generation.source_tokens} tokens, the limit of the model",
                err=True,
            )
        if as_json:
            terminal.print_json(generation.to_json())
        elif search["n_best"] == 1:
            click.echo(generation.text)
        else:
            for hypothesis in generation.alternatives:
                click.echo(f"{number}\t{hypothesis.score:.4f}\t{hypothesis.text}")
        terminal.flush_stdout()
