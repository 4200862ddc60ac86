"""Two recognisers on the same WAV files, each in a process of its own."""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import harness
import soundfile

from asr.audio import io as audio_io
from asr.corpora import CORPORA, detect
from asr.metrics.significance import compare
from asr.metrics.wer import score
from asr.text.normalizers import normalizer

RATE = 16000


def work(model: str, folder: str) -> dict[str, Any]:
    """Transcribe the WAV files of a folder with `asr`, as the other system does."""
    begin = time.perf_counter()
    import asr  # noqa: PLC0415 - part of the start-up time

    recognizer = asr.load(model)
    recognizer.warm_up()
    loaded = time.perf_counter()
    paths = sorted(Path(folder).glob("*.wav"))
    texts = [result.text for _, result in recognizer.transcribe_many(paths)]
    seconds = {"start": loaded - begin, "work": time.perf_counter() - loaded}
    return {"texts": texts, **seconds}


def in_process(*command: object) -> dict[str, Any]:
    """Run one system; return what it prints, its time, processor time and memory."""
    figures = harness.whole_process(command)
    return json.loads(figures.pop("output").splitlines()[-1]) | figures


def parser(description: str) -> argparse.ArgumentParser:
    """Return a parser with the arguments of both benchmarks."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("model", help="name or folder of a model")
    parser.add_argument("data", type=Path, help="folder of a corpus")
    parser.add_argument("--subset", required=True, help="such as test-clean")
    parser.add_argument("--limit", type=int, help="number of clips")
    parser.add_argument("--quick", action="store_true", help="40 clips")
    return parser


def run(
    options: argparse.Namespace, name: str, other: Sequence[object], faster: float
) -> None:
    """Transcribe with both systems and print error rates, speed and memory.

    Args:
        options: Arguments of `parser`.
        name: Name of the other system.
        other: Its command; the folder of WAV files is added.
        faster: Target of the ratio of the times without start-up.
    """
    harness.announce()
    limit = options.limit or (40 if options.quick else None)
    reader = CORPORA[detect(options.data)]
    clips = list(islice(reader.read(options.data, options.subset), limit))
    seconds = 0.0
    with tempfile.TemporaryDirectory() as folder:
        for number, clip in enumerate(clips):
            samples = audio_io.read(clip.audio, RATE)
            seconds += len(samples) / RATE
            path = Path(folder, f"{number:06}.wav")
            soundfile.write(path, samples, RATE, "PCM_16")
        theirs = in_process(*other, folder)
        ours = in_process(sys.executable, __file__, options.model, folder)
    normalize = normalizer("english-1")
    references = [normalize(clip.text or "") for clip in clips]
    print(f"{len(clips)} clips, {seconds:.0f} s; normaliser english-1")
    texts = []
    for system, result in ((name, theirs), (options.model, ours)):
        texts.append([normalize(text) for text in result["texts"]])
        print(
            f"{system}: WER {score(references, texts[-1]).wer:.2%}; "
            f"start-up {result['start']:.2f} s; peak memory "
            f"{result['megabytes']:.0f} MB; real-time factor "
            f"{result['work'] / seconds:.4f}, {result['all'] / seconds:.4f} with "
            f"start-up; processor time {result['processor'] / seconds:.4f} s a second"
        )
    print(f"{options.model} minus {name}: {compare(references, *texts).summary()}")
    harness.verdict(
        "speed ratio without start-up", theirs["work"] / ours["work"], faster,
        below=False,
    )  # fmt: skip
    print(f"speed ratio with start-up: {theirs['all'] / ours['all']:.3g}")
    print(f"processor time ratio: {theirs['processor'] / ours['processor']:.3g}")


if __name__ == "__main__":
    print(json.dumps(work(*sys.argv[1:])))
