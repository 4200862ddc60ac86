"""Fine-tuning `english` on 20 recordings of a voice: its error rate before and after.

espeak-ng reads sentences of Tatoeba: 20 to train on, 5 to choose the best epoch, and 60
others to score.
"""

from __future__ import annotations

import argparse
import contextlib
import csv
import gzip
import os
import random
import subprocess
import tempfile
import time
from pathlib import Path

import harness

import asr
from asr.corpora import CORPORA

PARTS = {"train": 20, "dev": 5, "test": 60}


def make_corpus(voice: str, folder: Path) -> None:
    """Write recordings and tables in the layout of the recipe `fine_tune`."""
    path = Path(os.environ["ASR_DATA"]) / "text" / "tatoeba-eng-fra" / "val.tsv.gz"
    with gzip.open(path, "rt", encoding="utf-8") as file:
        texts = list(dict.fromkeys(line.partition("\t")[0] for line in file))
    texts = [it for it in texts if 5 <= len(it.split()) <= 10 and it.isascii()]
    texts = [it for it in texts if not any(map(str.isdigit, it))]
    random.Random(1).shuffle(texts)
    for part, count in PARTS.items():
        (folder / part).mkdir(parents=True)
        with (folder / part / "metadata.csv").open("w", encoding="utf-8") as file:
            rows = csv.writer(file)
            rows.writerow(["file_name", "transcription"])
            for number in range(count):
                text, name = texts.pop(), f"{number}.wav"
                program = ["espeak-ng", "-v", voice, "-s", "150"]
                recording = folder / part / name
                subprocess.run([*program, "-w", recording, "--", text], check=True)
                rows.writerow([name, text])


def measure(voice: str) -> None:
    """Print the error rates of a voice."""
    with tempfile.TemporaryDirectory() as temporary:
        data, run = Path(temporary) / "data", Path(temporary) / "run"
        folder = data / "speech" / "your-data"
        make_corpus(voice, folder)
        test = list(CORPORA["audio_folder"].read(folder, "test"))
        before = asr.evaluate(asr.load("english"), test).score.wer
        os.environ["ASR_DATA"] = str(data)
        start = time.perf_counter()
        with contextlib.redirect_stdout(None):
            asr.train(asr.load_recipe("fine_tune"), run)
        seconds = time.perf_counter() - start
        after = asr.evaluate(asr.load(run), test).score.wer
    print(
        f"{voice}: WER {100 * before:.1f} % before, {100 * after:.1f} % after "
        f"{seconds:.0f} s of training, ratio {after / before:.2f}"
    )


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("voices", nargs="*", default=["en-gb-scotland", "en-us+f4"])
    parser.add_argument("--quick", action="store_true", help="one voice")
    options = parser.parse_args()
    harness.announce()
    data = os.environ["ASR_DATA"]
    for voice in options.voices[: 1 if options.quick else None]:
        os.environ["ASR_DATA"] = data
        measure(voice)


if __name__ == "__main__":
    main()
