"""Transcription: speed on a corpus and on one clip, start-up time, peak memory.

Each measurement runs in a fresh process: beam search on the corpus in batches, greedy
search on the corpus as baseline, and beam search on one clip of about 10 s.
"""

from __future__ import annotations

import argparse
import json
import resource
import statistics
import subprocess
import sys
import time
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import harness

import asr
from asr.audio import io as audio_io
from asr.corpora import CORPORA, detect

if TYPE_CHECKING:
    from asr import Recognizer
    from asr.config.schema import DecodingConfig
    from asr.data.manifest import Utterance

ALONE = 10.0  # seconds


def read_corpus(data: Path, subset: str | None, limit: int | None) -> list[Utterance]:
    """Return the utterances of a corpus folder, or of the only subset below it."""
    reader = CORPORA[detect(data)]
    subsets = reader.subsets(data)
    if subset is None and len(subsets) > 1:
        sys.exit(f"{data}: name one of --subset {', '.join(subsets)}")
    return list(islice(reader.read(data, subset or "".join(subsets)), limit))


def measure(job: dict[str, Any]) -> dict[str, float]:
    """Load the model and run one job; return its figures."""
    start = time.perf_counter()
    recognizer = asr.load(job["model"])
    decoding = replace(recognizer.decoding, beam_size=job["beam"], n_best=1)
    if job["alone"]:
        decoding = replace(decoding, language_model="")
    if job["beam"] == 1:
        decoding = replace(decoding, ctc_weight=0.0, language_model="")
    recognizer.warm_up(decoding)
    figures = {"startup": time.perf_counter() - start}
    utterances = read_corpus(Path(job["data"]), job["subset"], job["limit"])
    if job["kind"] == "corpus":
        evaluation = asr.evaluate(recognizer, utterances, decoding=decoding)
        figures |= {
            "rtf": evaluation.rtf,
            "audio": evaluation.audio_seconds,
            "wer": evaluation.score.wer,
        }
    else:
        figures |= alone(recognizer, utterances, decoding, job["runs"])
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return figures | {"peak_gb": peak * 1024 / 1e9}


def alone(
    recognizer: Recognizer,
    utterances: list[Utterance],
    decoding: DecodingConfig,
    runs: int,
) -> dict[str, float]:
    """Transcribe the clip nearest to 10 s, several times."""
    lengths = {u.audio: audio_io.inspect(u.audio).duration for u in utterances[:500]}
    clip = min(lengths, key=lambda path: abs(lengths[path] - ALONE))
    seconds = []
    for _ in range(runs):
        start = time.perf_counter()
        recognizer.transcribe(clip, decoding=decoding)
        seconds.append(time.perf_counter() - start)
    return {
        "clip": lengths[clip],
        "rtf": statistics.median(seconds) / lengths[clip],
        "first": seconds[0] / lengths[clip],
    }


def in_fresh_process(job: dict[str, Any]) -> dict[str, float]:
    """Run `measure` in a process of its own."""
    done = subprocess.run(
        [sys.executable, __file__, "--worker"],
        input=json.dumps(job),
        stdout=subprocess.PIPE,
        check=True,
        text=True,
    )
    return json.loads(done.stdout.splitlines()[-1])


def main() -> None:
    """Run the benchmark."""
    if sys.argv[1:] == ["--worker"]:
        print(json.dumps(measure(json.load(sys.stdin))))
        return
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model", help="name or folder of a model")
    parser.add_argument("data", type=Path, help="folder of a corpus, or a manifest")
    parser.add_argument("--subset", help="part of the corpus, such as dev-clean")
    parser.add_argument("--limit", type=int, help="number of clips")
    parser.add_argument("--beam", type=int, default=8)
    parser.add_argument(
        "--no-language-model", action="store_true", help="decode without language model"
    )
    parser.add_argument("--quick", action="store_true", help="40 clips, 3 runs alone")
    options = parser.parse_args()
    harness.announce()
    job = {
        "model": options.model,
        "data": str(options.data.resolve()),
        "subset": options.subset,
        "limit": options.limit or (40 if options.quick else None),
        "alone": options.no_language_model,
        "runs": 3 if options.quick else 5,
    }
    beam = in_fresh_process({**job, "kind": "corpus", "beam": options.beam})
    greedy = in_fresh_process({**job, "kind": "corpus", "beam": 1})
    clip = in_fresh_process({**job, "kind": "alone", "beam": options.beam})
    print(
        f"{beam['audio']:.0f} s of audio; WER {100 * beam['wer']:.2f} % with beam "
        f"{options.beam}, {100 * greedy['wer']:.2f} % with greedy search"
    )
    print(
        f"start-up (load and warm up): {beam['startup']:.1f} s; greedy search: "
        f"real-time factor {greedy['rtf']:.4f}, ratio of beam to greedy "
        f"{beam['rtf'] / greedy['rtf']:.1f}"
    )
    print(
        f"one clip of {clip['clip']:.1f} s: real-time factor of the first run "
        f"{clip['first']:.3f}"
    )
    harness.verdict("real-time factor, corpus", beam["rtf"], 0.012, below=True)
    harness.verdict("real-time factor, one clip, median", clip["rtf"], 0.02, below=True)
    harness.verdict("peak memory, corpus, GB", beam["peak_gb"], 0.3, below=True)
    harness.verdict("peak memory, one clip, GB", clip["peak_gb"], 0.2, below=True)


if __name__ == "__main__":
    main()
