"""`asr pronounce`: phones of words."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from asr.cli import terminal, text_commands

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from asr.inference.generator import Generation, TextGenerator


@click.command(epilog="Example: asr pronounce Kowalczyk Brzezinski --n-best 2")
@text_commands.arguments(
    "pronounce",
    metavar="[WORD|FILE|-]...",
    n_best="Print n-best pronunciations, numbered as in CMUdict.",
)
def command(
    sources: tuple[str, ...],
    model: str,
    threads: int | None,
    as_json: bool,
    attention: bool,
    **search: Any,
) -> None:
    """Print the phones of words.

    Takes words, files and - (standard input). Each word is printed with its phones as
    in CMUdict, without stress: a lexicon for `data.lexicon`.
    """
    from asr.inference.generator import load_generator  # noqa: PLC0415 - start-up time

    text_commands.check_attention(attention=attention, as_json=as_json)
    generator = load_generator(model, threads=threads)
    if not search["beam_size"]:  # wide enough for all pronunciations asked for
        search["beam_size"] = max(search["n_best"], generator.decoding.beam_size)
    groups = text_commands.read_groups(sources, whole=False)
    words = (_words(generator, texts) for texts in groups)
    generations = text_commands.generate(
        generator, words, attention=attention, search=search
    )
    for generation in generations:
        if as_json:
            terminal.print_json(generation.to_json())
        else:
            _print(generation)
        terminal.flush_stdout()


def _words(generator: TextGenerator, texts: Iterable[str]) -> Iterator[str]:
    """Yield the words of texts as the model reads them; warn of what has no letters."""
    for text in texts:
        for word in text.split():
            parts = generator.task.normalize(word).split()
            if not parts:
                shown = terminal.escaped(word)
                click.echo(f"warning: {shown}: has no letters", err=True)
            yield from parts


def _print(generation: Generation) -> None:
    pronunciations = [x.text for x in generation.alternatives if x.text]
    for number, phones in enumerate(pronunciations, start=1):
        name = generation.source + (f"({number})" if number > 1 else "")
        click.echo(f"{name} {phones}")
    if not pronunciations:
        shown = terminal.escaped(generation.source)
        click.echo(f"warning: {shown}: no pronunciation", err=True)
