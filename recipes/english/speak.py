"""Have texts read aloud by free speech synthesisers: clips for english/synthetic.

    sudo apt install espeak-ng flite festival festvox-kallpc16k festvox-kdlpc16k \
        festvox-us-slt-hts
    python recipes/english/speak.py "$ASR_DATA"/text/lm/train.txt.xz \
        --output "$ASR_DATA"/speech/synthetic --hours 18.9

Writes an AudioFolder: FLAC at 16 kHz and `metadata.csv`. Lines are drawn from the text,
and for each a voice, its rate, pitch and accent, and a faint noise, since digital
silence is never heard in a recording. The same seed draws the same lines, voices and
manners.
"""

from __future__ import annotations

import csv
import shutil
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from tempfile import TemporaryDirectory

import click
import numpy as np
import soundfile
import soxr

from asr.data.text_files import text_lines
from asr.errors import AsrError, DataError
from asr.files import atomic_write

RATE = 16000
WORDS = (3, 26)  # shortest and longest text that is read
SECONDS = 4.25  # mean length of a clip
PATIENCE = 60  # seconds
FAILED = 0.05  # share of the clips that may fail

ACCENTS = "en-us en-us en-us en-us en-us-nyc en-gb en-gb-x-rp en-gb-scotland en-029"
VARIANTS = (
    "m1 m2 m3 m4 m5 m6 m7 m8 f1 f2 f3 f4 f5 klatt klatt2 klatt3 klatt4 adam Alex "
    "Alicia Andrea Andy Annie antonio aunty belinda benjamin boris caleb david Denis "
    "ed edward edward2 Gene Gene2 grandma grandpa Iven Iven2 Iven3 Jacky john Lee "
    "linda marco mario max Michael michel miguel mike norbert pablo paul pedro quincy "
    "rob robert sandro shelby steph steph2 steph3 travis victor Zac anika"
)
FLITE = {"awb": 130, "rms": 95, "slt": 180, "kal16": 105}  # voice -> mean pitch, Hz
FESTIVAL = ("kal_diphone", "ked_diphone", "cmu_us_slt_arctic_hts")
SHARES = {"espeak-ng": 0.45, "flite": 0.4, "text2wave": 0.15}  # of the clips


def command(rng: np.random.Generator, text: Path, wave: Path) -> list[str]:
    """Draw a synthesiser, a voice and a manner, and return what speaks the text."""
    engine = rng.choice(list(SHARES), p=list(SHARES.values()))
    slowness = np.exp(rng.uniform(np.log(0.8), np.log(1.3)))
    if engine == "espeak-ng":
        voice = f"{rng.choice(ACCENTS.split())}+{rng.choice(VARIANTS.split())}"
        manner = ["-s", f"{170 / slowness:.0f}", "-p", str(rng.integers(25, 75))]
        return ["espeak-ng", "-v", voice, *manner, "-f", str(text), "-w", str(wave)]
    if engine == "flite":
        voice = rng.choice(list(FLITE))
        pitch = FLITE[voice] * np.exp(rng.uniform(-0.2, 0.2))
        manner = ["--setf", f"duration_stretch={slowness:.2f}"]
        manner += ["--setf", f"int_f0_target_mean={pitch:.0f}"]
        return ["flite", "-voice", voice, *manner, "-f", str(text), "-o", str(wave)]
    voice = rng.choice(FESTIVAL)
    stretch = f"(Parameter.set 'Duration_Stretch {slowness:.2f})"
    return ["text2wave", str(text), "-o", str(wave), "-eval", f"(voice_{voice})"] + (
        ["-eval", stretch] if "diphone" in voice else []
    )


def speak(text: str, path: Path, seed: tuple[int, int]) -> float:
    """Write one clip, and return its seconds; 0 where the synthesiser failed.

    Args:
        text: What is said.
        path: Of the clip.
        seed: Decides on voice and manner.
    """
    rng = np.random.default_rng(seed)
    with TemporaryDirectory() as folder:
        source, wave = Path(folder, "text.txt"), Path(folder, "speech.wav")
        source.write_text(text.lower() + "\n")  # capitals would be spelled
        said = command(rng, source, wave)
        try:
            subprocess.run(said, capture_output=True, check=True, timeout=PATIENCE)
            samples, rate = soundfile.read(wave, dtype="float32")
        except (subprocess.SubprocessError, soundfile.LibsndfileError):
            return 0.0
    if not samples.any():
        return 0.0
    samples = soxr.resample(samples, rate, RATE)
    samples *= 10 ** rng.uniform(-1, -0.1) / np.abs(samples).max()
    samples = np.pad(samples, rng.integers(0, RATE // 2, size=2))
    level = np.sqrt(np.mean(np.square(samples))) * 10 ** -rng.uniform(1.25, 3)
    samples += level * rng.standard_normal(len(samples), dtype="float32")
    soundfile.write(path, np.clip(samples, -1, 1), RATE, format="FLAC")
    return len(samples) / RATE


def chosen(path: Path, count: int, seed: int) -> list[str]:
    """Draw so many lines of a text that are neither very short nor very long."""
    lines = [line for _, line in text_lines(path)]
    least, most = WORDS
    lines = [line for line in lines if least <= len(line.split()) <= most]
    if len(lines) < count:
        raise DataError(f"{path}: {count} lines are wanted, {len(lines)} are there")
    order = np.random.default_rng(seed).permutation(len(lines))
    return [lines[i] for i in order[:count]]


@click.command()
@click.argument("text", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--output", type=click.Path(path_type=Path), required=True)
@click.option("--hours", type=click.FloatRange(0.001), default=18.9, show_default=True)
@click.option("--seed", type=click.IntRange(0), default=1, show_default=True)
@click.option("--jobs", type=click.IntRange(1), default=2, show_default=True)
def main(text: Path, output: Path, hours: float, seed: int, jobs: int) -> None:
    """Read as many lines of TEXT aloud as take about so many hours."""
    if missing := [engine for engine in SHARES if not shutil.which(engine)]:
        raise click.ClickException(f"not installed: {', '.join(missing)}")
    try:
        lines = chosen(text, int(hours * 3600 / SECONDS), seed)
    except AsrError as error:
        raise click.ClickException(str(error)) from error
    (output / "clips").mkdir(parents=True, exist_ok=True)
    names = [f"clips/{i:06d}.flac" for i in range(len(lines))]
    paths = [output / name for name in names]
    with ThreadPoolExecutor(jobs) as pool:
        seeds = [(seed, i) for i in range(len(lines))]
        lengths = list(pool.map(speak, lines, paths, seeds))
    failed = lengths.count(0.0)
    if failed > FAILED * len(lines):
        raise click.ClickException(
            f"{failed} of {len(lines)} clips failed; are all voices installed?"
        )
    rows = [
        (name, line)
        for name, line, length in zip(names, lines, lengths, strict=True)
        if length
    ]
    with atomic_write(output / "metadata.csv") as file:
        csv.writer(file).writerows([("file_name", "transcription"), *rows])
    click.echo(
        f"{output}: {len(rows)} of {len(lines)} clips, {sum(lengths) / 3600:.1f} hours"
    )


if __name__ == "__main__":
    main()
