"""Preparation of a corpus: clips per second against soundfile, growth of memory."""

from __future__ import annotations

import argparse
import resource
import tempfile
import time
from collections import deque
from pathlib import Path

import harness
import soundfile

from asr.audio.io import AUDIO_EXTENSIONS
from asr.corpora.prepare import Preparation

RATE = 300.0  # clips a second
_COPIES = 8  # copies of the corpus, by links, in the larger corpus
_SUBSET = "train-clean-5"


def prepare(root: Path) -> tuple[int, float, float]:
    """Return clips, seconds, and growth of peak memory in MB."""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    start = time.perf_counter()
    preparation = Preparation("librispeech", root, _SUBSET)
    deque(preparation, maxlen=0)
    seconds = time.perf_counter() - start
    rise = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    return preparation.report.kept, seconds, rise / 1024


def copy(subset: Path, target: Path, prefix: str) -> None:
    """Copy a subset under new speaker names, with links to the recordings."""
    for path in subset.glob("*/*/*"):
        speaker, chapter = path.parts[-3:-1]
        folder = target / f"{prefix}{speaker}" / chapter
        folder.mkdir(parents=True, exist_ok=True)
        if path.suffix == ".txt":
            lines = path.read_text().splitlines(keepends=True)
            text = "".join(f"{prefix}{line}" for line in lines)
            (folder / f"{prefix}{path.name}").write_text(text)
        else:
            (folder / f"{prefix}{path.name}").symlink_to(path)


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="one copy of the corpus")
    options = parser.parse_args()
    harness.announce()
    corpus = harness.speech("LibriSpeech").resolve()
    files = [
        path
        for path in (corpus / _SUBSET).rglob("*")
        if path.suffix.lower() in AUDIO_EXTENSIONS
    ]
    for path in files:  # fill the disk cache
        soundfile.info(path)
    clips, seconds, memory = prepare(corpus)
    print(f"{clips} clips: {seconds:.2f} s, memory +{memory:.1f} MB")
    if not options.quick:
        with tempfile.TemporaryDirectory() as name:
            for number in range(1, _COPIES + 1):
                copy(corpus / _SUBSET, Path(name, _SUBSET), str(number))
            more, longer, rise = prepare(Path(name))
        print(f"{more} clips: {longer:.2f} s, memory +{rise:.1f} MB more")
    start = time.perf_counter()
    for path in files:
        soundfile.info(path)
    bare = len(files) / (time.perf_counter() - start)
    print(f"soundfile.info one by one: {bare:.0f} clips/s")
    print(f"ratio to soundfile.info: {clips / seconds / bare:.2f}")
    harness.verdict("clips per second", clips / seconds, RATE, below=False)


if __name__ == "__main__":
    main()
