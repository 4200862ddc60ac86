"""Synthesises the samples with espeak-ng: `python data/samples/make_samples.py`.

Writes the recordings and `manifest.jsonl` into the folder of this file. Needs the
program espeak-ng (1.51 for the committed samples) and the dependencies of asr.
"""

from __future__ import annotations

import subprocess
import tempfile
from pathlib import Path
from typing import NamedTuple

import soundfile

from asr.audio.io import resample
from asr.data.manifest import Utterance, write_manifest

FOLDER = Path(__file__).resolve().parent


class Sample(NamedTuple):
    """A sentence, its voice and its audio format."""

    file: str
    rate: int  # hertz
    subtype: str
    voice: str
    text: str


SAMPLES = (
    Sample(
        "river.wav",
        16000,
        "PCM_16",
        "en-us",
        "THE OLD MAN WALKED SLOWLY DOWN TO THE RIVER",
    ),
    Sample(
        "morning.flac",
        22050,
        "PCM_16",
        "en-gb",
        "IT WAS A BRIGHT COLD MORNING AND THE SNOW LAY DEEP UPON THE HILLS",
    ),
    Sample(
        "letter.ogg",
        44100,
        "VORBIS",
        "en-us+f3",
        "SHE OPENED THE LETTER AND READ IT WITHOUT A WORD",
    ),
    Sample(
        "house.opus",
        48000,
        "OPUS",
        "en-us",
        "THERE WAS NO LIGHT IN THE HOUSE WHEN THEY CAME HOME",
    ),
    Sample(
        "friends.mp3",
        24000,
        "MPEG_LAYER_III",
        "en-us+m3",
        "WE SHALL NEVER FORGET THE KINDNESS OF OUR FRIENDS",
    ),
)


def speak(sample: Sample) -> Utterance:
    """Synthesise one sample and write it."""
    with tempfile.TemporaryDirectory() as folder:
        spoken = Path(folder) / "spoken.wav"
        subprocess.run(
            [
                "espeak-ng",
                "-v",
                sample.voice,
                "-s",
                "150",
                "-w",
                spoken,
                "--",
                sample.text.lower(),
            ],
            check=True,
        )
        samples, rate = soundfile.read(spoken, dtype="float32")
    path = FOLDER / sample.file
    container = {".mp3": "MP3", ".flac": "FLAC", ".wav": "WAV"}.get(path.suffix, "OGG")
    soundfile.write(
        path,
        resample(samples, rate, sample.rate),
        sample.rate,
        format=container,
        subtype=sample.subtype,
    )
    duration = soundfile.info(path).duration
    voice = f"espeak-ng {sample.voice}"
    return Utterance(
        path, sample.text, duration, speaker=voice, lang="en", id=path.stem
    )


if __name__ == "__main__":
    write_manifest(FOLDER / "manifest.jsonl", [speak(sample) for sample in SAMPLES])
