"""`asr punctuate`: case and punctuation for the words of a recogniser."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import chain

import click

from asr.cli import options, terminal, text_commands
from asr.cli.options import option


@click.command(epilog='Example: asr punctuate "HOW ARE YOU I AM FINE THANKS"')
@click.argument("sources", nargs=-1, metavar="[TEXT|FILE|-]...")
@options.model_named("restore")
@options.threads
@option("--lines", bool, "Take each line as a text.")
@option("--no-numbers", bool, "Leave numbers in words.")
def command(
    sources: tuple[str, ...],
    model: str,
    threads: int | None,
    lines: bool,
    no_numbers: bool,
) -> None:
    """Write texts with capitals, full stops, commas and question marks.

    Takes texts, files and - (standard input), each of any length: the output of a
    recogniser, for instance. The words stay as they are, and so do punctuation
    and capitals that are there. Each text becomes a line.
    """
    text_commands.check_given(sources)
    from asr.inference.restorer import load_restorer  # noqa: PLC0415 - start-up time
    from asr.text.numerals import figures  # noqa: PLC0415 - start-up time

    def written(words: Iterable[str]) -> Iterable[str]:
        restored = restorer.words(words)
        return restored if no_numbers else (text for text, _ in figures(restored))

    restorer = load_restorer(model, threads=threads)
    for source in sources or ("-",):
        texts = text_commands.read([source], whole=False)
        if lines or text_commands.is_typed(source):  # answer each typed line at once
            for text in texts:
                _print(written(text.split()))
        else:
            words = chain.from_iterable(text.split() for text in texts)
            _print(written(words))


def _print(words: Iterable[str]) -> None:
    """Print a text while it is made."""
    for number, word in enumerate(words):
        click.echo(f" {word}" if number else word, nl=False)
    click.echo()
    terminal.flush_stdout()
