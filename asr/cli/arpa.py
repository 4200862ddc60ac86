"""`asr arpa`: language models to and from the ARPA format."""

from __future__ import annotations

from pathlib import Path

import click

from asr.cli import options
from asr.cli.options import option
from asr.errors import UsageError


@click.command(
    epilog="Example: asr arpa english-lm words.arpa.gz; asr arpa my.arpa --output my-lm"
)
@click.argument("source", metavar="MODEL|FILE")
@click.argument("target", metavar="[FILE]", required=False)
@option("-o --output", options.PATH, "Import: write the language model folder here.")
@option(
    "--base",
    str,
    "Import: take characters and pronunciations from this language model.",
    default="english-lm",
    metavar="NAME|DIR",
)
@option(
    "--lexicon",
    options.FILE,
    "Import: read more pronunciations from this CMUdict file.",
)
@option("--characters", bool, "Export character, not word n-grams.")
def command(
    source: str,
    target: str | None,
    output: Path | None,
    base: str,
    lexicon: Path | None,
    characters: bool,
) -> None:
    """Export a language model to an ARPA file, or import one (KenLM, SRILM).

    MODEL FILE writes the n-grams of a language model, compressed if FILE ends in .gz.
    FILE with --output makes a language model folder. A file with <space> among its
    1-grams holds n-grams of characters, any other holds n-grams of words.
    """
    if (target is None) == (output is None):
        raise UsageError("give an ARPA FILE to export to, or --output to import into")
    from asr.language_model import arpa, arpa_import, storage, tables  # noqa: PLC0415 - start-up time

    if output is not None:
        if output.exists():
            raise UsageError(f"{output}: exists already; choose another --output")
        arpa_import.import_arpa(Path(source), output, base=base, lexicon=lexicon)
        click.echo(output)
        return
    model = storage.load_language_model(source)
    ngrams = model.ngrams
    if model.words and not characters:
        ngrams = tables.unpacked(model.words.ngrams)
    names = arpa.vocabulary_of(model, characters=characters)
    arpa.write_arpa(ngrams, names, Path(str(target)))
