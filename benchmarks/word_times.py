"""Word times: errors of forced alignment against evenly spread words."""

from __future__ import annotations

import argparse
import time

import harness
import numpy as np

import asr
from asr.errors import DataError

MEDIAN, NINTH_DECILE = 0.05, 0.12  # seconds, of word starts


def evenly(words: list[tuple[float, float, str]]) -> list[float]:
    """Return word starts if all characters had the same duration."""
    lengths = np.array([len(word) + 1 for _, _, word in words])
    share = np.concatenate([[0], np.cumsum(lengths)[:-1]]) / lengths.sum()
    return list(words[0][0] + share * (words[-1][1] - words[0][0]))


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model", help="model folder, or a bundled model")
    parser.add_argument("--quick", action="store_true", help="10 clips")
    options = parser.parse_args()
    folder = harness.speech("LibriSpeech", "dev-aligned")
    harness.announce()
    recognizer = asr.load(options.model)
    starts, ends, even, left_out = [], [], [], 0
    begin = time.perf_counter()
    paths = sorted((folder / "alignments").glob("*.TextGrid"))
    for path in paths[: 10 if options.quick else None]:
        (clip,) = folder.glob(f"*/*/{path.stem}.*[!t]")
        words = harness.textgrid_words(path)
        try:
            aligned = recognizer.align(
                clip, " ".join(word.upper() for _, _, word in words)
            )
        except DataError:  # words that the corpus has no alignment of
            left_out += 1
            continue
        timed = aligned.segments[0].words or ()
        for word, (start, end, _) in zip(timed, words, strict=True):
            starts.append(word.start - start)
            ends.append(word.end - end)
        even += [a - b for a, (b, _, _) in zip(evenly(words), words, strict=True)]
    print(f"{len(starts)} words, {left_out} clips left out", end=", ")
    print(f"{time.perf_counter() - begin:.0f} s of work")
    for name, errors in (("starts", starts), ("ends", ends), ("evenly spread", even)):
        off = np.abs(errors)
        print(
            f"{name}: median {np.median(off):.3f} s, 90th percentile "
            f"{np.quantile(off, 0.9):.3f} s, bias {np.median(errors):+.3f} s"
        )
    off = np.abs(starts)
    harness.verdict(
        "median error of starts, s", float(np.median(off)), MEDIAN, below=True
    )
    harness.verdict(
        "90th percentile, s", float(np.quantile(off, 0.9)), NINTH_DECILE, below=True
    )
    ratio = np.median(np.abs(even)) / np.median(off)
    print(f"ratio of errors, evenly spread to aligned: {ratio:.1f}")


if __name__ == "__main__":
    main()
