"""Long recordings: WER against single clips, segment boundaries, memory, speed."""

from __future__ import annotations

import argparse
import sys
import tempfile
from itertools import cycle
from pathlib import Path

import harness
import numpy as np
import soundfile

import asr
from asr.audio import io as audio_io
from asr.corpora import corpus
from asr.metrics.wer import score
from asr.text.normalizers import normalizer

RATE = 16000
WORSE, EDGE, MORE_MB, SPEED = 0.005, 0.06, 100, 60


def gap(random: np.random.Generator, low: float = 1.0) -> np.ndarray:
    """Return a pause of up to five seconds, with very faint noise."""
    count = int(random.uniform(low, 5.0) * RATE)
    return random.normal(0, 1e-4, count).astype("float32")


def edges(recognizer: asr.Recognizer) -> tuple[list[float], int]:
    """Return the errors of segment boundaries in seconds, and the number of segments.

    Each true start is compared with the nearest start, each true end with the nearest
    end. Pauses between clips last two seconds or more.
    """
    folder = harness.speech("LibriSpeech", "dev-aligned")
    random, parts, truth, count = np.random.default_rng(3), [], [], 0
    for path in sorted((folder / "alignments").glob("*.TextGrid")):
        (clip,) = folder.glob(f"*/*/{path.stem}.*[!t]")
        words = harness.textgrid_words(path)
        for part in (gap(random, 2.0), audio_io.read(clip, RATE)):
            start, count = count, count + len(part)
            parts.append(part)
        truth.append((start / RATE + words[0][0], start / RATE + words[-1][1]))
    segments = recognizer.transcribe(np.concatenate(parts)).segments
    times = np.array([(segment.start, segment.end) for segment in segments])
    if np.any(np.diff([0.0, *times.ravel(), count / RATE]) < 0):
        sys.exit("segment times overlap, or lie outside of the recording")
    off = [float(np.abs(times - pair).min(axis=0)[i]) for pair in truth for i in (0, 1)]
    return off, len(segments)


def hour(recognizer: asr.Recognizer, hours: float) -> tuple[float, float, int]:
    """Return WER of joined clips, WER of single clips, and the number of words."""
    normalize, random = normalizer("librispeech-1"), np.random.default_rng(4)
    folder = harness.speech("LibriSpeech")
    clips = list(corpus("librispeech").read(folder, "test-clean"))
    random.shuffle(clips)
    parts, references, count = [], [], 0
    for clip in clips:
        if count > hours * 3600 * RATE:
            break
        parts += [gap(random), audio_io.read(clip.audio, RATE)]
        references.append(normalize(clip.text))
        count += len(parts[-1]) + len(parts[-2])
    joined = recognizer.transcribe(np.concatenate(parts)).text
    alone = [result.text for _, result in recognizer.transcribe_many(parts[1::2])]
    # Both are scored as one text, so that alignments may cross the ends of clips.
    reference = [" ".join(references)]
    whole, single = (
        score(reference, [normalize(text)]) for text in (joined, " ".join(alone))
    )
    return whole.wer, single.wer, whole.words


def write(path: Path, seconds: float) -> None:
    """Write clips of dev-clean with pauses, as a stream, up to a length."""
    random, count = np.random.default_rng(5), 0
    folder = harness.speech("LibriSpeech")
    clips = cycle(list(corpus("librispeech").read(folder, "dev-clean")))
    with soundfile.SoundFile(path, "w", RATE, 1, "PCM_16", format="RF64") as file:
        while count < seconds * RATE:
            for part in (audio_io.read(next(clips).audio, RATE), gap(random)):
                file.write(part)
                count += len(part)


def transcribe(path: Path, model: str) -> tuple[float, float]:
    """Run `asr transcribe`; return seconds and peak memory in MiB."""
    figures = harness.whole_process(
        [sys.executable, "-m", "asr", "transcribe", path, "--model", model],
        environment={"PYTHONPATH": str(harness.ROOT)},
    )
    return figures["all"], figures["megabytes"]


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model", help="model folder, or a bundled model")
    parser.add_argument(
        "--hours", type=float, default=10.0, help="length for memory and speed; 0 skips"
    )
    parser.add_argument(
        "--joined",
        type=float,
        default=1.0,
        help="hours for WER and boundaries; 0 skips",
    )
    options = parser.parse_args()
    harness.announce()
    # First, while this process is small: the peak of a child is at least its own.
    if options.hours:
        with tempfile.TemporaryDirectory() as folder:
            short, long = Path(folder, "minute.wav"), Path(folder, "hours.wav")
            write(short, 60.0)
            write(long, options.hours * 3600)
            start, memory = transcribe(short, options.model)
            took, most = transcribe(long, options.model)
            seconds = soundfile.info(long).duration - soundfile.info(short).duration
        print(
            f"{options.hours:g} h: {took:.0f} s and {most:.0f} MB; 1 min: {start:.0f} s"
        )
        harness.verdict(
            "memory beyond that of 1 min, MB", most - memory, MORE_MB, below=True
        )
        harness.verdict(
            "speed, times real time", seconds / (took - start), SPEED, below=False
        )
    if options.joined:
        recognizer = asr.load(options.model)
        off, segments = edges(recognizer)
        print(
            f"{len(off) // 2} clips, {segments} segments; boundary errors: "
            f"90th percentile {np.quantile(off, 0.9):.3f} s"
        )
        harness.verdict(
            "median boundary error, s", float(np.median(off)), EDGE, below=True
        )
        joined, alone, words = hour(recognizer, options.joined)
        print(
            f"WER of {words} words: joined {joined:.2%}, single clips {alone:.2%}, "
            f"ratio {joined / alone:.3f}"
        )
        harness.verdict("difference of WER", abs(joined - alone), WORSE, below=True)


if __name__ == "__main__":
    main()
