r"""F1 of restored marks with and without the pauses between words.

    python benchmarks/pauses.py "$ASR_DATA"/speech/librispeech-more/train.jsonl \
        "$ASR_DATA"/text/books

LibriSpeech's transcripts have no marks, but the books that were read have. The
recordings whose transcripts stand in BOOKS are restored without their last mark, once
from their words alone and once with the pauses that `english` finds.
"""

from __future__ import annotations

import argparse
import runpy
from pathlib import Path

import harness

import asr
from asr.metrics.restoration import RestorationScore
from asr.text.written import CASES, MARKS, case_of

KINDS = {"full stop": ".", "comma": ",", "question mark": "?"}
RECIPE = Path(__file__).parents[1] / "recipes" / "restore_pauses.py"


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("manifest", type=Path)
    parser.add_argument("books", type=Path)
    parser.add_argument("--quick", action="store_true", help="20 recordings")
    options = parser.parse_args()
    harness.announce()
    recipe = runpy.run_path(str(RECIPE))
    aligner, restorer = asr.load("english"), asr.load_text("restore")
    found = dict(recipe["in_books"]((options.manifest,), options.books))
    scores = {"words": RestorationScore(), "words and pauses": RestorationScore()}
    for audio, written in list(found.items())[: 20 if options.quick else None]:
        known = [*recipe["pauses"](audio, written, aligner), None]
        if len(known) < len(written):
            continue
        words = [word.lower() for word, _ in written]
        for name, pauses in zip(scores, (None, known), strict=True):
            labels = restorer.labels([], words, [], pauses)
            for (word, mark), label in list(zip(written, labels, strict=True))[:-1]:
                case = CASES[label.cases[label.mark]]
                scores[name].add((case_of(word), mark), (case, MARKS[label.mark]))
    print(f"{len(found)} recordings")
    for name, score in scores.items():
        figures = ", ".join(f"{kind} {score.f1(it):.3f}" for kind, it in KINDS.items())
        print(f"{name}: {figures}")
    before, after = (sum(map(score.f1, ".,")) / 2 for score in scores.values())
    harness.verdict("full stop and comma, F1", after, before, below=False)


if __name__ == "__main__":
    main()
