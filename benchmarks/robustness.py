"""Robustness: word error rate of a model on distorted clips."""

from __future__ import annotations

import argparse
import io
from collections.abc import Callable, Iterator
from pathlib import Path

import harness
import numpy as np
import soundfile

import asr
from asr.audio import io as audio_io
from asr.corpora import CORPORA, detect
from asr.metrics.wer import score
from asr.text.normalizers import normalizer

RATE, TELEPHONE = 16000, 8000
MP3_32 = (160 - 32) / (160 - 8)  # libsndfile's scale of bit rates at 16 kHz

Sound = Callable[[np.ndarray], np.ndarray]


def noisy(ratio_db: float) -> Sound:
    """Add pink noise."""

    def change(samples: np.ndarray) -> np.ndarray:
        level = samples.std() * 10 ** (-ratio_db / 20)
        return samples + level * harness.noise("pink", len(samples), RATE)

    return change


def stored(samples: np.ndarray, rate: int, kind: str, **how: object) -> np.ndarray:
    """Encode and decode samples in memory."""
    file = io.BytesIO()
    soundfile.write(file, np.clip(samples, -1, 1), rate, format=kind, **how)
    file.seek(0)
    return audio_io.read(file, RATE)


def telephone(samples: np.ndarray) -> np.ndarray:
    """Band-pass 300 to 3,400 Hz, 8-bit mu-law at 8 kHz."""
    spectrum = np.fft.rfft(samples)
    frequencies = np.fft.rfftfreq(len(samples), 1 / RATE)
    spectrum[(frequencies < 300) | (frequencies > 3400)] = 0
    narrow = np.fft.irfft(spectrum, len(samples)).astype("float32")
    narrow = audio_io.resample(narrow, RATE, TELEPHONE)
    return stored(narrow, TELEPHONE, "WAV", subtype="ULAW")


def mp3(samples: np.ndarray) -> np.ndarray:
    """Encode as MP3 of 32 kbit/s."""
    return stored(
        samples, RATE, "MP3", compression_level=MP3_32, bitrate_mode="CONSTANT"
    )


def far(samples: np.ndarray) -> np.ndarray:
    """Add reverberation: RT60 of 0.6 s, as loud as the direct sound.

    The impulse response is decaying noise, 3 ms after the direct sound.
    """
    size, delay = int(0.6 * RATE), int(0.003 * RATE)
    fading = np.random.default_rng(7).standard_normal(size)
    fading *= 10 ** (-3 * np.arange(size) / size)
    response = np.concatenate([[1.0], np.zeros(delay), fading / np.linalg.norm(fading)])
    count = len(samples) + len(response) - 1
    wet = np.fft.irfft(
        np.fft.rfft(samples, count) * np.fft.rfft(response, count), count
    )
    return wet[: len(samples)] * samples.std() / wet.std()


def faster(speed: float) -> Sound:
    """Change the speed and the pitch."""
    return lambda samples: audio_io.resample(samples, round(RATE * speed), RATE)


CONDITIONS: dict[str, Sound] = {
    "unchanged": lambda samples: samples,
    "pink noise, 20 dB": noisy(20),
    "pink noise, 10 dB": noisy(10),
    "pink noise, 0 dB": noisy(0),
    "telephone, 8 kHz": telephone,
    "MP3, 32 kbit/s": mp3,
    "room, RT60 of 0.6 s": far,
    "speed 0.8": faster(0.8),
    "speed 0.9": faster(0.9),
    "speed 1.1": faster(1.1),
    "speed 1.2": faster(1.2),
}


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model", help="name or folder of a model")
    parser.add_argument("data", type=Path, help="folder of a corpus")
    parser.add_argument("--subset", required=True, help="such as test-clean")
    parser.add_argument(
        "--limit", type=int, default=200, help="number of clips; 0 for all"
    )
    parser.add_argument("--quick", action="store_true", help="20 clips")
    options = parser.parse_args()
    harness.announce()
    limit = 20 if options.quick else options.limit
    clips = list(CORPORA[detect(options.data)].read(options.data, options.subset))
    # Evenly spaced, so that all speakers are included.
    count = min(limit or len(clips), len(clips))
    clips = [clips[int(at)] for at in np.linspace(0, len(clips) - 1, count)]
    recognizer, normalize = asr.load(options.model), normalizer("english-1")
    references = [normalize(clip.text or "") for clip in clips]
    sounds = [audio_io.read(clip.audio, RATE) for clip in clips]
    print(f"{len(clips)} clips, {sum(map(len, sounds)) / RATE:.0f} s")
    base = None
    for name, change in CONDITIONS.items():
        wer = score(references, list(texts(recognizer, sounds, change))).wer
        base = wer if base is None else base
        print(f"{name:22} WER {wer:6.2%}, ratio {wer / base:.2f}", flush=True)


def texts(
    recognizer: asr.Recognizer, sounds: list[np.ndarray], change: Sound
) -> Iterator[str]:
    """Yield normalised transcripts of distorted clips."""
    normalize = normalizer("english-1")
    changed = (change(sound).astype("float32") for sound in sounds)
    for _, result in recognizer.transcribe_many(changed, vad=False):
        if isinstance(result, asr.AsrError):
            raise result
        yield normalize(result.text)


if __name__ == "__main__":
    main()
