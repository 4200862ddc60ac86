"""Audio decoding: speed of `asr.audio.io.read` against tensorflow-io.

Both decode the same clips, in several formats, to 16 kHz. tensorflow-io runs in a venv
of its own, with the TensorFlow that it needs (`tfio_decoding.py`). Wall-clock time and
processor time are measured. Processor time is the cost for training, and depends less
on other programs.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import harness
import soundfile

from asr.audio import io as audio_io

RATE = 16000
FORMATS = {  # ending -> subtype and sample rate
    "wav": ("PCM_16", RATE),
    "flac": ("PCM_16", RATE),
    "ogg": ("VORBIS", RATE),
    "mp3": ("MPEG_LAYER_III", RATE),
    "44k.flac": ("PCM_16", 44100),
}


def decode(files: list[str], threads: int) -> int:
    """Decode all files with libsndfile; return the number of samples."""
    with ThreadPoolExecutor(threads) as pool:
        return sum(pool.map(lambda file: audio_io.read(file, RATE).size, files))


def encode(folder: Path, count: int) -> dict[str, list[str]]:
    """Write the first clips of a corpus in each format."""
    clips = audio_io.find_audio(harness.speech("LibriSpeech", "train-clean-5"))[:count]
    files: dict[str, list[str]] = {name: [] for name in FORMATS}
    for clip in clips:
        samples = audio_io.read(clip, RATE)
        for name, (subtype, rate) in FORMATS.items():
            path = folder / f"{clip.stem}.{name}"
            resampled = audio_io.resample(samples, RATE, rate)
            soundfile.write(path, resampled, rate, subtype=subtype)
            files[name].append(str(path))
    return files


def in_tensorflow(python: Path, job: dict[str, Any]) -> dict[str, Any]:
    """Decode with tensorflow-io in its own venv."""
    done = subprocess.run(
        [python, Path(__file__).with_name("tfio_decoding.py")],
        input=json.dumps(job),
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise SystemExit(done.stderr)
    return json.loads(done.stdout.splitlines()[-1])


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="8 clips, 2 rounds")
    parser.add_argument("--clips", type=int, default=60)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--tfio-python", type=Path, help="has the extra tfio")
    options = parser.parse_args()
    if options.quick:
        options.clips, options.rounds = 8, 2
    harness.announce()
    python = harness.python_of(options.tfio_python, "tfio", [f"{harness.ROOT}[tfio]"])
    print(
        f"{options.threads} threads; seconds of audio per second of wall-clock time, "
        "then of processor time; ratios are libsndfile to tensorflow-io"
    )
    with tempfile.TemporaryDirectory() as folder:
        for name, files in encode(Path(folder), options.clips).items():
            compare(python, name, files, options)


def compare(
    python: Path, name: str, files: list[str], options: argparse.Namespace
) -> None:
    """Print the speed of both decoders on some files."""
    libsndfile = harness.timed(options.rounds, lambda: decode(files, options.threads))
    job = {
        "files": files,
        "rate": RATE,
        "rounds": options.rounds,
        "threads": options.threads,
    }
    tfio = in_tensorflow(python, job)
    if libsndfile["result"] != tfio["result"]:
        raise SystemExit(f"{name}: {libsndfile['result']} and {tfio['result']} samples")
    seconds = libsndfile["result"] / RATE
    speeds = [
        f"{who} {seconds / figures['clock']:5.0f} {seconds / figures['processor']:5.0f}"
        for who, figures in (("libsndfile", libsndfile), ("tensorflow-io", tfio))
    ]
    ratios = [f"{tfio[kind] / libsndfile[kind]:.1f}" for kind in ("clock", "processor")]
    print(f"{name:9} {'  '.join(speeds)}  ratio {' '.join(ratios)}")


if __name__ == "__main__":
    main()
