"""Write the Tatoeba pairs of 2019 that the split of 2017 lacks.

    python recipes/translation/tatoeba_2019.py fra.txt $ASR_DATA/text

`fra.txt` is the file of manythings.org/anki of April 2019, the split is in
`tatoeba-eng-fra`. The test part in `tatoeba-2019` has 1,000 new English sentences with
one translation, chosen by a hash; the training part has the rest, without the English
sentences of the test and validation parts of 2017.
"""

from __future__ import annotations

import hashlib
import unicodedata
from collections import defaultdict
from pathlib import Path

import click

from asr.data.pairs import Pair, read_pairs

TEST_SENTENCES = 1000


def plain(text: str) -> str:
    """Return a text with one kind of apostrophe and space."""
    return unicodedata.normalize("NFKC", text).replace("\u2019", "'")


def added(new: list[Pair], old: list[Pair], tested: list[Pair]) -> dict[str, list[str]]:
    """Return the translations of each sentence that are new and not tested on."""
    known = {(plain(pair.source), plain(pair.text)) for pair in [*old, *tested]}
    left_out = {plain(pair.source) for pair in tested}
    fresh: dict[str, list[str]] = defaultdict(list)
    for pair in new:
        source = plain(pair.source)
        if source not in left_out and (source, plain(pair.text)) not in known:
            fresh[pair.source].append(pair.text)
    return fresh


@click.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.argument("texts", type=click.Path(path_type=Path))
def main(file: Path, texts: Path) -> None:
    """Write the pairs of FILE below the folder TEXTS."""
    lines = file.read_text("utf-8").splitlines()
    new = [Pair(*line.split("\t")[:2]) for line in lines]
    train, val, test = (
        list(read_pairs(texts / "tatoeba-eng-fra" / f"{part}.tsv.gz"))
        for part in ("train", "val", "test")
    )
    fresh = added(new, train, [*val, *test])
    known = {plain(pair.source) for pair in train}
    single = [x for x, y in fresh.items() if len(y) == 1 and plain(x) not in known]
    single.sort(key=lambda text: hashlib.sha256(text.encode()).hexdigest())
    held = dict.fromkeys(single[:TEST_SENTENCES])
    rest = [source for source in fresh if source not in held]
    (texts / "tatoeba-2019").mkdir(exist_ok=True)
    for part, sources in (("test", list(held)), ("train", rest)):
        rows = [f"{x}\t{text}\n" for x in sources for text in fresh[x]]
        path = texts / "tatoeba-2019" / f"{part}.tsv"
        path.write_text("".join(rows), "utf-8")
        click.echo(f"{path}: {len(rows)} pairs")


if __name__ == "__main__":
    main()
