"""PocketSphinx; run by `beside_pocketsphinx.py`.

Usage: python sphinx_decoding.py [ARPA DICTIONARY] FOLDER, in a venv with pocketsphinx.
Reads the WAV files of the folder in the order of their names and prints one JSON
object. Without an ARPA file it uses its bundled English language model.
"""

from __future__ import annotations

import json
import sys
import time
import wave
from pathlib import Path

from pocketsphinx import Decoder


def main() -> None:
    """Decode all files; print texts, seconds of loading and seconds of decoding."""
    *files, folder = sys.argv[1:]
    begin = time.perf_counter()
    options = dict(zip(("lm", "dict"), files, strict=False))
    decoder = Decoder(samprate=16000, loglevel="ERROR", **options)
    loaded = time.perf_counter()
    texts = []
    for path in sorted(Path(folder).glob("*.wav")):
        with wave.open(str(path)) as file:
            samples = file.readframes(file.getnframes())
        decoder.start_utt()
        decoder.process_raw(samples, full_utt=True)
        decoder.end_utt()
        hypothesis = decoder.hyp()
        texts.append(hypothesis.hypstr if hypothesis else "")
    seconds = {"start": loaded - begin, "work": time.perf_counter() - loaded}
    print(json.dumps({"texts": texts, **seconds}))


if __name__ == "__main__":
    main()
