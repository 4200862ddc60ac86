"""Speed and word error rate beside PocketSphinx with its bundled English model.

Both read the same WAV files, the one after the other has ended, each in a process of
its own: `asr` in batches on all cores, PocketSphinx, which cannot do that, clip by clip
on one. The ratio of processor time is told too. Texts go through the normaliser
english-1 on both sides.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from itertools import islice
from pathlib import Path
from typing import Any

import harness
import soundfile

from asr.audio import io as audio_io
from asr.corpora import CORPORA, detect
from asr.metrics.wer import score
from asr.text.normalizers import normalizer

FASTER = 4.0


def work(model: str, folder: str) -> dict[str, Any]:
    """Transcribe the files of a folder with `asr`; as sphinx_decoding.py."""
    begin = time.perf_counter()
    import asr  # noqa: PLC0415 - its time is start-up time

    recognizer = asr.load(model)
    recognizer.warm_up()
    loaded = time.perf_counter()
    paths = sorted(Path(folder).glob("*.wav"))
    texts = [found.text for _, found in recognizer.transcribe_many(paths)]
    return {
        "texts": texts,
        "start": loaded - begin,
        "work": time.perf_counter() - loaded,
    }


def in_process(*command: object) -> dict[str, Any]:
    """Run one of the two; return what it printed, and how long all of it took."""
    begin, used = time.perf_counter(), _processor()
    done = subprocess.run(
        [str(part) for part in command], stdout=subprocess.PIPE, check=True, text=True
    )
    found = json.loads(done.stdout.splitlines()[-1])
    clock = time.perf_counter() - begin
    return found | {"all": clock, "processor": _processor() - used}


def _processor() -> float:
    """Return the processor time that ended children have taken."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def main() -> None:
    """Run the benchmark."""
    if sys.argv[1:2] == ["--worker"]:
        print(json.dumps(work(*sys.argv[2:])))
        return
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model", help="name or folder of a model")
    parser.add_argument("data", type=Path, help="folder of a corpus")
    parser.add_argument("--subset", required=True, help="such as test-clean")
    parser.add_argument("--limit", type=int, help="only the first so many clips")
    parser.add_argument("--sphinx-python", type=Path, help="with pocketsphinx")
    parser.add_argument("--quick", action="store_true", help="40 clips")
    options = parser.parse_args()
    sphinx = harness.python_of(
        options.sphinx_python, "pocketsphinx", ["pocketsphinx==5.1.*"]
    )
    harness.announce()
    reader = CORPORA[detect(options.data)]
    limit = options.limit or (40 if options.quick else None)
    clips = list(islice(reader.read(options.data, options.subset), limit))
    seconds = 0.0
    with tempfile.TemporaryDirectory() as folder:
        for number, clip in enumerate(clips):
            samples = audio_io.read(clip.audio, 16000)
            seconds += len(samples) / 16000
            path = Path(folder, f"{number:06}.wav")
            soundfile.write(path, samples, 16000, "PCM_16")
        other = in_process(
            sphinx, Path(__file__).with_name("sphinx_decoding.py"), folder
        )
        ours = in_process(sys.executable, __file__, "--worker", options.model, folder)
    normalize = normalizer("english-1")
    said = [normalize(clip.text or "") for clip in clips]
    print(f"{len(clips)} clips, {seconds:.0f} s")
    for name, found in (("pocketsphinx", other), (options.model, ours)):
        rates = score(said, [normalize(text) for text in found["texts"]])
        print(
            f"{name}: WER {rates.wer:.2%}; start-up {found['start']:.1f} s, then a "
            f"real-time factor of {found['work'] / seconds:.4f}, "
            f"{found['all'] / seconds:.4f} with start-up"
        )
    for name, key in (("start-up left out", "work"), ("start-up included", "all")):
        ratio = other[key] / ours[key]
        harness.verdict(f"times as fast, {name}", ratio, FASTER, below=False)
    ratio = other["processor"] / ours["processor"]
    print(f"processor time, start-up included: {ratio:.3g} times as little")


if __name__ == "__main__":
    main()
