"""Everyday English sentences with the French translations that are accepted.

`everyday.tsv` has a sentence and a regular expression a line. The whole translation
must match, in lower case, without marks, and with spaces for hyphens. No model was
trained on these sentences. Prints what is not accepted, and the share that is:

    python recipes/translation/everyday.py MODEL
"""

from __future__ import annotations

import argparse
import re
import unicodedata
from pathlib import Path

import click

import asr

SENTENCES = Path(__file__).with_name("everyday.tsv")


def sentences() -> dict[str, str]:
    """Return the expression of accepted translations for each sentence."""
    lines = SENTENCES.read_text("utf-8").splitlines()
    return dict(line.split("\t") for line in lines)


def plain(text: str) -> str:
    """Return a text in lower case, without marks, with spaces for hyphens."""
    text = unicodedata.normalize("NFKC", text).lower()
    text = text.replace("\u2019", "'").replace("oe", "\u0153")
    return " ".join(re.sub(r"[^\w' ]+", " ", text).split())


def is_accepted(translation: str, expression: str) -> bool:
    """Tell whether a translation is one of those that an expression accepts."""
    return re.fullmatch(expression, plain(translation)) is not None


def main() -> None:
    """Translate all sentences with a model."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", nargs="?", default="en-fr")
    entries = sentences()
    generator = asr.load_text(parser.parse_args().model)
    accepted = 0
    for generation in generator.generate_many(entries):
        if is_accepted(generation.text, entries[generation.source]):
            accepted += 1
        else:
            click.echo(f"{generation.source} -> {generation.text}")
    share = 100 * accepted / len(entries)
    click.echo(f"{accepted} of {len(entries)} accepted, {share:.0f} %")


if __name__ == "__main__":
    main()
