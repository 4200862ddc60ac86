"""F1 of restored marks and capitals on held-out texts, by kind, and words a second."""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator
from pathlib import Path

import harness

import asr
from asr.data.text_files import lenient_lines
from asr.evaluation.restoration import evaluate_restorer
from asr.files import data_directory
from asr.text.written import heard, is_running_text

# Kind -> files, targets of full stop, comma, question mark and capitals.
KINDS: dict[str, tuple[tuple[str, ...], tuple[float, float, float, float]]] = {
    "prose": (
        ("wikipedia2015", "wikipedia2021", "simple_wikipedia", "wikinews"),
        (0.85, 0.68, 0.0, 0.88),
    ),
    "talk": (("podcasts", "interviews"), (0.70, 0.62, 0.65, 0.85)),
    "books": ((), (0.75, 0.60, 0.62, 0.0)),
}
LENGTH = 200  # words of a text, at least
SPEED = 20_000.0  # words a second of one core


def texts(files: list[Path], words: int) -> Iterator[str]:
    """Yield texts of joined paragraphs or turns, `words` from all files together.

    Each file is read from its middle on: books begin with lists of chapters.
    """
    for path in files:
        text: list[str] = []
        left = words // len(files)
        lines = [line for _, line in lenient_lines(path)]
        for line in lines[len(lines) // 2 :]:
            if is_running_text(line):
                text += [word + mark for word, mark in heard(line)]
            if len(text) >= LENGTH:
                yield " ".join(text)
                left -= len(text)
                text = []
            if left <= 0:
                break


def files_of(kind: str) -> list[Path]:
    """Return the held-out files of a kind."""
    names, _ = KINDS[kind]
    root = data_directory() / "text"
    if not names:
        return sorted((root / "books-heldout").glob("*.txt"))
    return [root / "today" / "heldout" / f"{name}.txt" for name in names]


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model", nargs="?", default="restore")
    parser.add_argument("--words", type=int, default=40_000, help="of each kind")
    parser.add_argument("--quick", action="store_true", help="4,000 words of each")
    options = parser.parse_args()
    words = 4_000 if options.quick else options.words
    harness.announce()
    restorer = asr.load_text(options.model, threads=1)
    restorer.restore("warm up " * 5000)
    for kind, (_, targets) in KINDS.items():
        evaluation = evaluate_restorer(restorer, texts(files_of(kind), words))
        score = evaluation.score
        print(f"{kind}:\n{evaluation.summary()}")
        names = ("full stop", "comma", "question mark", "capitals")
        found = (score.f1("."), score.f1(","), score.f1("?"), score.capitals)
        for name, value, target in zip(names, found, targets, strict=True):
            if target:
                harness.verdict(f"{kind}, {name}", value, target, below=False)
    long = " ".join(" ".join(texts(files_of("talk"), words)).lower().split())
    started = time.process_time()
    count = len(restorer.restore(long, numbers=False).split())
    speed = count / (time.process_time() - started)
    harness.verdict("one long text, words a second", speed, SPEED, below=False)


if __name__ == "__main__":
    main()
