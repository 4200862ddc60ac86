"""The bundled english-lm and en-fr on texts that none of their trainings had."""

from __future__ import annotations

import gzip
import itertools

import harness

import asr
from asr.data.pairs import Pair, read_pairs
from asr.files import data_directory
from asr.text.normalizers import normalizer

BOOKS = "text/lm/heldout.txt.gz"
EVERY = 32  # sentence of the books


def untouched(test: list[Pair], train: list[Pair]) -> list[Pair]:
    """Return the pairs of the test sentences without a translation in training."""
    plain = normalizer("plain-1")
    known = {plain(pair.text) for pair in train}
    touched = {pair.source for pair in test if plain(pair.text) in known}
    return [pair for pair in test if pair.source not in touched]


def main() -> None:
    """Run the benchmark."""
    harness.announce()
    texts = data_directory() / "text"
    with gzip.open(data_directory() / BOOKS, "rt", encoding="utf-8") as file:
        lines = list(itertools.islice(file, 0, None, EVERY))
    print("english-lm, held-out books:")
    print(asr.perplexity(asr.load_language_model("english-lm"), lines).summary())
    test, train = (
        list(read_pairs(texts / "tatoeba-eng-fra" / f"{part}.tsv.gz"))
        for part in ("test", "train")
    )
    pairs = untouched(test, train)
    print("en-fr, test sentences without a translation in training:")
    print(asr.evaluate_texts(asr.load_text("en-fr"), pairs).summary())


if __name__ == "__main__":
    main()
