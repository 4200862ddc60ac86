"""Recognition: speed and word error rate against PocketSphinx with its English model.

Both transcribe the same WAV files, one after the other, each in its own process. `asr`
uses batches on all cores; PocketSphinx decodes clip by clip on one core. Texts of both
are normalised by english-1. The ratio of processor time is printed as well.
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
    """Transcribe the files of a folder with `asr`; result as in sphinx_decoding.py."""
    begin = time.perf_counter()
    import asr  # noqa: PLC0415 - part of the start-up time

    recognizer = asr.load(model)
    recognizer.warm_up()
    loaded = time.perf_counter()
    paths = sorted(Path(folder).glob("*.wav"))
    texts = [result.text for _, result in recognizer.transcribe_many(paths)]
    return {
        "texts": texts,
        "start": loaded - begin,
        "work": time.perf_counter() - loaded,
    }


def in_process(*command: object) -> dict[str, Any]:
    """Run one system; return its printed result, wall-clock and processor time."""
    begin, used = time.perf_counter(), _processor()
    done = subprocess.run(
        [str(part) for part in command], stdout=subprocess.PIPE, check=True, text=True
    )
    result = json.loads(done.stdout.splitlines()[-1])
    clock = time.perf_counter() - begin
    return result | {"all": clock, "processor": _processor() - used}


def _processor() -> float:
    """Return the processor time of all ended child processes."""
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
    parser.add_argument("--limit", type=int, help="number of clips")
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
        sphinx_result = in_process(
            sphinx, Path(__file__).with_name("sphinx_decoding.py"), folder
        )
        ours = in_process(sys.executable, __file__, "--worker", options.model, folder)
    normalize = normalizer("english-1")
    references = [normalize(clip.text or "") for clip in clips]
    print(f"{len(clips)} clips, {seconds:.0f} s")
    for name, result in (("pocketsphinx", sphinx_result), (options.model, ours)):
        rates = score(references, [normalize(text) for text in result["texts"]])
        print(
            f"{name}: WER {rates.wer:.2%}; start-up {result['start']:.1f} s; "
            f"real-time factor {result['work'] / seconds:.4f}, "
            f"{result['all'] / seconds:.4f} with start-up"
        )
    for name, key in (("without start-up", "work"), ("with start-up", "all")):
        ratio = sphinx_result[key] / ours[key]
        harness.verdict(f"speed ratio {name}", ratio, FASTER, below=False)
    ratio = sphinx_result["processor"] / ours["processor"]
    print(f"ratio of processor time, PocketSphinx to asr: {ratio:.3g}")


if __name__ == "__main__":
    main()
