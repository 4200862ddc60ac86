"""Error rates: speed of word and character error rates against jiwer."""

from __future__ import annotations

import argparse
import random
import resource
import time

import harness
import jiwer

from asr.metrics.wer import score

WORDS = 5_000_000
SECONDS = 10.0
_LENGTH = 20  # words of a reference
_SHARE = 10  # jiwer scores a tenth of the texts


def texts(words: int) -> tuple[list[str], list[str]]:
    """Return references and hypotheses with about 12 errors in 100 words."""
    rng = random.Random(1)
    letters = "abcdefghijklmnopqrstuvwxyz"
    known = ["".join(rng.choices(letters, k=rng.randint(2, 9))) for _ in range(20_000)]
    references, hypotheses = [], []
    for _ in range(words // _LENGTH):
        reference = rng.choices(known, k=_LENGTH)
        hypothesis = []
        for word in reference:
            kind = rng.random()
            if kind < 0.08:
                hypothesis.append(rng.choice(known))
            elif kind >= 0.10:
                hypothesis.append(word)
            if kind > 0.98:
                hypothesis.append(rng.choice(known))
        references.append(" ".join(reference))
        hypotheses.append(" ".join(hypothesis))
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
    ours = score(references, hypotheses)
    seconds = time.process_time() - start
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    part = len(references) // _SHARE
    start = time.process_time()
    output = jiwer.process_words(references[:part], hypotheses[:part])
    jiwer.process_characters(references[:part], hypotheses[:part])
    theirs = _SHARE * (time.process_time() - start)
    same = score(references[:part], hypotheses[:part]).wer == output.wer
    print(f"{ours.words:,} words, WER {ours.wer:.2%}; as jiwer on a tenth: {same}")
    print(f"asr {seconds:.2f} s on one core, {memory / 1024:.0f} MB without the texts")
    print(f"jiwer {theirs:.2f} s, extrapolated from a tenth of the texts")
    print(f"ratio of jiwer to asr: {theirs / seconds:.1f}")
    harness.verdict(
        "seconds for 5,000,000 words", seconds * WORDS / words, SECONDS, below=True
    )


if __name__ == "__main__":
    main()
