"""How fast error rates are computed: words and characters."""

from __future__ import annotations

import argparse
import random
import resource
import time

import harness

from asr.metrics.wer import score

WORDS = 5_000_000
SECONDS = 120.0
_LENGTH = 20  # words of a reference


def texts(words: int) -> tuple[list[str], list[str]]:
    """Return references and hypotheses with about 12 errors in 100 words."""
    rng = random.Random(1)
    letters = "abcdefghijklmnopqrstuvwxyz"
    known = ["".join(rng.choices(letters, k=rng.randint(2, 9))) for _ in range(20_000)]
    references, hypotheses = [], []
    for _ in range(words // _LENGTH):
        said = rng.choices(known, k=_LENGTH)
        heard = []
        for word in said:
            kind = rng.random()
            if kind < 0.08:
                heard.append(rng.choice(known))
            elif kind >= 0.10:
                heard.append(word)
            if kind > 0.98:
                heard.append(rng.choice(known))
        references.append(" ".join(said))
        hypotheses.append(" ".join(heard))
    return references, hypotheses


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="a tenth of the words")
    options = parser.parse_args()
    harness.announce()
    words = WORDS // 10 if options.quick else WORDS
    references, hypotheses = texts(words)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    start = time.process_time()
    result = score(references, hypotheses)
    seconds = time.process_time() - start
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    print(f"{result.words:,} words, WER {result.wer:.2%}")
    print(f"{seconds:.2f} s of one core, {memory / 1024:.0f} MB beside the texts")
    harness.verdict(
        "seconds for 5,000,000 words", seconds * WORDS / words, SECONDS, below=True
    )


if __name__ == "__main__":
    main()
