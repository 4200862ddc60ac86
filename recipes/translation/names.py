"""Write Tatoeba pairs with rare names in the places of common ones.

    python recipes/translation/names.py cmudict.dict $ASR_DATA/text

A model that is trained on `tatoeba-names` as well copies names that it does not know,
as both sides have the same one. The names are words of CMUdict that the training parts
lack, half of them with two letters exchanged. Reads `tatoeba-eng-fra` and
`tatoeba-2019`.
"""

from __future__ import annotations

import random
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path

import click

from asr.data.pairs import Pair, read_pairs

PAIRS = 30_000
_WORD = re.compile(r"[^\W\d_]+")
_VOWELS = set("aeiouyh")  # before which French words lose a vowel, or may


def shared_names(pair: Pair, capitals: set[str]) -> list[str]:
    """Return the names that both sides of a pair have once."""
    source, target = (Counter(_WORD.findall(x)) for x in (pair.source, pair.text))
    return [x for x, n in source.items() if x in capitals and n == target[x] == 1]


def always_capital(texts: Iterable[str]) -> set[str]:
    """Return the capitalised words that are never written small."""
    words = {word for text in texts for word in _WORD.findall(text)}
    return {x for x in words if x.istitle() and len(x) > 2 and x.lower() not in words}


def rare_names(lines: Iterable[str], known: set[str], seed: int = 1) -> Iterator[str]:
    """Yield names for ever: words of CMUdict, half of them with letters exchanged."""
    chosen = random.Random(seed)
    words = [line.split()[0] for line in lines if line.strip()]
    words = [x for x in words if x.isalpha() and 4 <= len(x) <= 11 and x not in known]
    while True:
        letters = list(chosen.choice(words))
        if chosen.random() < 0.5:
            place = chosen.randrange(len(letters) - 1)
            letters[place : place + 2] = letters[place + 1], letters[place]
        yield "".join(letters).capitalize()


def renamed(pair: Pair, name: str, new: str) -> Pair:
    """Return a pair with another name on both sides."""
    old = re.compile(rf"\b{name}\b")
    return Pair(old.sub(new, pair.source), old.sub(new, pair.text))


@click.command()
@click.argument("dictionary", type=click.Path(path_type=Path))
@click.argument("texts", type=click.Path(path_type=Path))
def main(dictionary: Path, texts: Path) -> None:
    """Write pairs below the folder TEXTS with names from DICTIONARY."""
    parts = ("tatoeba-eng-fra/train.tsv.gz", "tatoeba-2019/train.tsv")
    pairs = [pair for part in parts for pair in read_pairs(texts / part)]
    both = [text for pair in pairs for text in (pair.source, pair.text)]
    capitals = always_capital(both)
    known = {word.lower() for text in both for word in _WORD.findall(text)}
    names = rare_names(dictionary.read_text("utf-8").splitlines(), known)
    random.Random(2).shuffle(pairs)
    rows: list[str] = []
    for pair in pairs:
        for name in shared_names(pair, capitals)[:1]:
            is_vowel = name[0].lower() in _VOWELS
            new = next(x for x in names if (x[0].lower() in _VOWELS) == is_vowel)
            fresh = renamed(pair, name, new)
            rows.append(f"{fresh.source}\t{fresh.text}\n")
        if len(rows) >= PAIRS:
            break
    folder = texts / "tatoeba-names"
    folder.mkdir(exist_ok=True)
    (folder / "train.tsv").write_text("".join(rows), "utf-8")
    click.echo(f"{folder / 'train.tsv'}: {len(rows)} pairs")


if __name__ == "__main__":
    main()
