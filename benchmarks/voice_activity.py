"""Voice activity detection: missed speech and false alarms against an energy rule."""

from __future__ import annotations

import argparse
import time
from itertools import pairwise
from pathlib import Path

import harness
import numpy as np

from asr.audio import io as audio_io
from asr.audio.segmentation import speech_segments
from asr.audio.vad import load_detector

MISSED, FALSE = 0.03, 0.10  # shares of speech frames and of non-speech frames
RATIO_DB = 10.0
RATE, HOP = 16000, 320
TOLERATED = 15  # frames: pauses of up to 0.3 s between words are not scored


def recording(folder: Path, limit: int | None) -> tuple[np.ndarray, np.ndarray]:
    """Join clips with pauses of 1 to 5 s; return samples and frame labels.

    Labels are 1 for speech, 0 for non-speech and -1 for frames that are not scored.
    """
    rng = np.random.default_rng(1)
    sounds, labels = [], []
    for path in sorted((folder / "alignments").glob("*.TextGrid"))[:limit]:
        (clip,) = folder.glob(f"*/*/{path.stem}.*[!t]")
        sound = audio_io.read(clip, RATE)
        length = -(-len(sound) // HOP) + rng.integers(50, 250)
        label = np.zeros(length, int)
        times = [(start, end) for start, end, _ in harness.textgrid_words(path)]
        for start, end in times:
            label[round(start * 50) : round(end * 50)] = 1
        for (_, end), (start, _) in pairwise(times):
            if (start - end) * 50 <= TOLERATED:
                label[round(end * 50) : round(start * 50)] = -1
        sounds.append(np.pad(sound, (0, length * HOP - len(sound))))
        labels.append(label)
    return np.concatenate(sounds), np.concatenate(labels)


def by_energy(samples: np.ndarray) -> np.ndarray:
    """Detect speech by energy: 9 dB above the 10th percentile, short pauses filled."""
    power = np.square(samples[: len(samples) // HOP * HOP]).reshape(-1, HOP).mean(1)
    level = 10 * np.log10(np.convolve(power, np.ones(3) / 3, "same") + 1e-9)
    loud = level > np.percentile(level, 10) + 9
    width = 2 * TOLERATED + 1
    near = np.convolve(loud, np.ones(width), "same") > 0
    return np.convolve(near, np.ones(width), "same") > width - 0.5


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="10 clips")
    options = parser.parse_args()
    folder = harness.speech("LibriSpeech", "dev-aligned")
    harness.announce()
    clean, label = recording(folder, 10 if options.quick else None)
    loud = clean[np.repeat(label == 1, HOP)].std()
    print(f"{len(clean) / RATE:.0f} s, {np.mean(label == 1):.0%} speech")
    for kind in ("none", "white", "pink", "brown"):
        samples = clean
        if kind != "none":
            level = loud * 10 ** (-RATIO_DB / 20)
            samples = clean + (level * harness.noise(kind, len(clean), RATE)).astype(
                np.float32
            )
        speech = np.zeros(len(label), bool)
        start = time.perf_counter()
        for piece in speech_segments([samples], RATE, load_detector(), pause=0.3):
            speech[round(piece.first / HOP) : round(piece.last / HOP)] = True
        speed = len(samples) / RATE / (time.perf_counter() - start)
        figures = {}
        for name, detected in (("network", speech), ("energy", by_energy(samples))):
            missed = 1 - detected[label == 1].mean()
            false = detected[label == 0].mean()
            figures[name] = missed + false
            print(f"noise {kind}, {name}: missed {missed:.1%}, false {false:.1%}")
            if name == "network":
                harness.verdict("  missed", missed, MISSED, below=True)
                harness.verdict("  false alarms", false, FALSE, below=True)
        ratio = figures["energy"] / figures["network"]
        print(f"  {speed:.0f} x real time; error ratio, energy to network: {ratio:.1f}")


if __name__ == "__main__":
    main()
