"""Train the voice activity detector (VAD) that `asr.audio.vad` runs.

    python recipes/voice_activity.py --data "$ASR_DATA" --output data/voice_activity.npz

The speech comes from the training part of a recipe; its frames are labelled from the
energy of the clean recordings. Noises, tones and music are synthesised here and mixed
in. One window in three has no speech. Takes 23 minutes on two cores beside two other
programs.
"""

from __future__ import annotations

import os
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from itertools import pairwise
from pathlib import Path

import click
import librosa
import numpy as np
import soxr

from asr.audio import io as audio_io
from asr.audio.vad import (
    DILATIONS,
    FFT_SIZE,
    HOP,
    RATE,
    VoiceActivityDetector,
    log_energies,
)
from asr.config.loading import load_recipe
from asr.corpora.prepare import Preparation
from asr.files import atomic_write, recipe_path

BANDS, CHANNELS = 32, 32
SECONDS = 8
SAMPLES = SECONDS * RATE
FRAMES = SAMPLES // HOP
SPEECH_WEIGHT = 2.0  # missed speech costs more than a false alarm


# --- labels: speech frames of a clean recording ---------------------------------------


def speech_frames(samples: np.ndarray) -> np.ndarray | None:
    """Label each 10 ms of a recording as speech; None if the recording is not clean."""
    frames = len(samples) // 160
    power = np.square(samples[: frames * 160], dtype=np.float64).reshape(frames, 160)
    level = 10 * np.log10(smoothed(power.mean(axis=1), 3) + 1e-9)
    quiet, loud = np.percentile(level, [3, 95])
    if loud - quiet < 22:
        return None
    speech = level > max(quiet + 0.22 * (loud - quiet), loud - 38)
    speech = without_runs(speech, True, 4)
    speech = without_runs(speech, False, 25)
    speech = without_runs(speech, True, 8)
    return smoothed(speech.astype(float), 3) > 0.1


def smoothed(values: np.ndarray, width: int) -> np.ndarray:
    """Return running means."""
    return np.convolve(values, np.ones(width) / width, "same")


def without_runs(values: np.ndarray, kind: bool, shortest: int) -> np.ndarray:
    """Flip runs of `kind` below the shortest length, except those at the ends."""
    values = values.copy()
    edges = np.flatnonzero(np.diff(values.astype(int))) + 1
    for start, end in pairwise(edges):
        if values[start] == kind and end - start < shortest:
            values[start:end] = not kind
    return values


# --- other sound ----------------------------------------------------------------------


def shaped(rng: np.random.Generator, gain: np.ndarray) -> np.ndarray:
    """White noise whose spectrum is multiplied by `gain`, (N // 2 + 1,)."""
    return np.fft.irfft(np.fft.rfft(rng.standard_normal(SAMPLES)) * gain, SAMPLES)


def coloured(rng: np.random.Generator, slope: float) -> np.ndarray:
    """White noise whose power falls with the frequency, as 1 / f ** slope."""
    frequencies = np.maximum(np.fft.rfftfreq(SAMPLES, 1 / RATE), 20.0)
    return shaped(rng, (frequencies / 1000) ** (-slope / 2))


def band(rng: np.random.Generator) -> np.ndarray:
    """Noise around one frequency."""
    frequencies = np.maximum(np.fft.rfftfreq(SAMPLES, 1 / RATE), 20.0)
    centre = log_uniform(rng, 80, 4000)
    octaves = np.abs(np.log2(frequencies / centre)) / rng.uniform(0.2, 2)
    return shaped(rng, 1 / (1 + octaves**4))


def wavering(rng: np.random.Generator) -> np.ndarray:
    """Noise that swells and falls."""
    points = rng.random(max(4, int(SECONDS * rng.uniform(0.5, 8))))
    positions = np.linspace(0, len(points) - 1, SAMPLES)
    envelope = np.interp(positions, np.arange(len(points)), points)
    return coloured(rng, rng.uniform(0, 2)) * envelope ** rng.uniform(0.5, 3)


def hum(rng: np.random.Generator) -> np.ndarray:
    """A tone with its overtones, as machines make them."""
    time = np.arange(SAMPLES) / RATE
    base = rng.choice([50, 60, 100, 120, rng.uniform(30, 250)])
    fall = rng.uniform(0.3, 2)
    tones = sum(
        np.sin(2 * np.pi * base * n * time + rng.uniform(0, 6)) / n**fall
        for n in range(1, 30)
        if base * n < RATE / 2
    )
    return tones + rng.uniform(0, 0.5) * coloured(rng, 1)


def tones(rng: np.random.Generator) -> np.ndarray:
    """Tones, sweeps, beeps and dialling."""
    time = np.arange(SAMPLES) / RATE
    total = np.zeros(SAMPLES)
    gate = np.ones(SAMPLES)
    if rng.random() < 0.5:
        gate = (time * rng.uniform(0.3, 6) % 1) < rng.uniform(0.2, 0.8)
    for _ in range(rng.integers(1, 4)):
        frequency = np.full(SAMPLES, log_uniform(rng, 60, 6000))
        if rng.random() < 0.3:
            frequency *= np.exp(np.linspace(0, rng.uniform(-1, 1), SAMPLES))
        phase = 2 * np.pi * np.cumsum(frequency) / RATE
        if rng.random() < 0.3:
            slow = 2 * np.pi * rng.uniform(0.1, 8) * time
            phase = phase + log_uniform(rng, 0.5, 300) * np.sin(slow)
        wave = np.sin(phase)
        total += rng.uniform(0.2, 1) * (np.sign(wave) if rng.random() < 0.2 else wave)
    return total * gate


def clicks(rng: np.random.Generator) -> np.ndarray:
    """Knocks and clicks."""
    total = 1e-4 * rng.standard_normal(SAMPLES)
    for _ in range(rng.integers(1, 25)):
        size = int(rng.uniform(0.002, 0.15) * RATE)
        burst = rng.standard_normal(size)
        if rng.random() < 0.5:
            burst = np.sin(np.arange(size) * rng.uniform(0.05, 2.5))
        burst *= np.exp(-np.arange(size) / (size / rng.uniform(2, 6)))
        put(total, burst * rng.uniform(0.2, 1), rng.integers(0, SAMPLES))
    return total


def put(total: np.ndarray, sound: np.ndarray, start: int) -> None:
    """Add a sound at a sample."""
    part = sound[: max(0, len(total) - start)]
    total[start : start + len(part)] += part


SCALES = [[0, 2, 4, 5, 7, 9, 11], [0, 2, 3, 5, 7, 8, 10], [0, 2, 4, 7, 9], [0, 3, 5, 7]]


def note(rng: np.random.Generator, pitch: float, size: int, kind: int) -> np.ndarray:
    """One note: an organ (0), a plucked string (1) or a voice-like vibrato (2)."""
    time = np.arange(size) / RATE
    wave = np.zeros(size)
    for n in range(1, rng.integers(2, 12)):
        if pitch * n > RATE / 2:
            break
        part = 1 / n ** rng.uniform(0.5, 2)
        if kind == 1:
            part = part * np.exp(-time * rng.uniform(1, 6) * n**0.5)
        sway = 0.003 * n * pitch / 5.5 * np.sin(2 * np.pi * 5.5 * time)
        turned = 2 * np.pi * pitch * n * time + rng.uniform(0, 6)
        wave += part * np.sin(turned + (sway if kind == 2 else 0))
    attack = int(min(size / 3, rng.uniform(0.003, 0.08) * RATE)) + 1
    release = int(min(size / 3, 0.05 * RATE)) + 1
    wave[:attack] *= np.linspace(0, 1, attack)
    wave[-release:] *= np.linspace(1, 0, release)
    return wave


def music(rng: np.random.Generator) -> np.ndarray:
    """A tune, chords, a bass and drums, or some of them."""
    total = 1e-6 * rng.standard_normal(SAMPLES)
    beat, scale = 60 / rng.uniform(60, 180), SCALES[rng.integers(len(SCALES))]
    root = rng.uniform(40, 75)
    parts: list[tuple[float, list[float], float, list[int]]] = [
        (0.8, [0.25, 0.5, 1, 1, 2], 0.6, [0]),
        (0.7, [2, 4], 0.3, [0, 2, 4]),
        (0.5, [1], 0.5, [-12]),
    ]
    for chance, beats, gain, degrees in parts:
        if rng.random() > chance:
            continue
        now, degree, kind = 0.0, int(rng.integers(0, 10)), int(rng.integers(0, 3))
        while now < SECONDS:
            long = beat * rng.choice(beats)
            degree = int(np.clip(degree + rng.integers(-3, 4), -4, 16))
            size = int(long * rng.uniform(0.6, 1.1) * RATE)
            for above in degrees if size > 200 and rng.random() < 0.9 else ():
                octave, step = divmod(degree + above, len(scale))
                pitch = 440 * 2 ** ((root - 69 + 12 * octave + scale[step]) / 12)
                put(total, gain * note(rng, pitch, size, kind), int(now * RATE))
            now += long
    if rng.random() < 0.5:
        drums(rng, total, beat / rng.choice([1, 2]))
    return total


def drums(rng: np.random.Generator, total: np.ndarray, beat: float) -> None:
    """Add a drum on each beat."""
    for start in np.arange(0, SECONDS, beat):
        time = np.arange(int(0.15 * RATE)) / RATE
        drum = np.sin(2 * np.pi * (60 + 80 * np.exp(-30 * time)) * time)
        if rng.random() < 0.6:
            drum = 0.5 * rng.standard_normal(len(time))
        put(total, drum * np.exp(-rng.uniform(20, 60) * time), int(start * RATE))


def noise(rng: np.random.Generator) -> np.ndarray:
    """Return one of the sounds above, scaled to a power of 1."""
    kinds = [
        partial(coloured, slope=0.0),
        partial(coloured, slope=1.0),
        partial(coloured, slope=rng.uniform(-0.5, 3)),
        band,
        wavering,
        hum,
        tones,
        clicks,
        music,
        music,
    ]
    sound = kinds[rng.integers(len(kinds))](rng)
    return sound / (sound.std() + 1e-9)


def log_uniform(rng: np.random.Generator, low: float, high: float) -> float:
    """Draw a number whose logarithm is uniform."""
    return float(np.exp(rng.uniform(np.log(low), np.log(high))))


# --- training windows -----------------------------------------------------------------


def speech(
    rng: np.random.Generator, parts: list[list]
) -> tuple[np.ndarray, np.ndarray]:
    """Return clips with pauses between them, and a speech label for each 10 ms."""
    total, is_speech = np.zeros(SAMPLES), np.zeros(SAMPLES // 160, dtype=bool)
    now = int(rng.choice([0, rng.uniform(0, 3)]) * 100)
    for _ in range(50):  # not all clips are clean enough
        if now >= len(is_speech) - 50:
            break
        part = parts[rng.integers(len(parts))]
        clip = part[rng.integers(len(part))]
        samples = audio_io.read(
            clip.audio, RATE, offset=clip.offset, duration=clip.duration
        )
        if rng.random() < 0.3:
            samples = soxr.resample(samples, RATE, int(RATE * rng.uniform(0.85, 1.15)))
        frames = speech_frames(samples) if len(samples) > RATE // 3 else None
        if frames is None or not frames.any():
            continue
        first = int(rng.integers(0, max(1, len(frames) - 500)))
        frames = frames[first : first + 600]
        samples = samples[first * 160 :][: len(frames) * 160]
        power = np.square(samples[np.repeat(frames, 160)]).mean() if frames.any() else 1
        gain = 10 ** (rng.uniform(-28, -8) / 20) / np.sqrt(power + 1e-9)
        put(total, samples * gain, now * 160)
        size = min(len(frames), len(is_speech) - now)
        is_speech[now : now + size] = frames[:size]
        now += size + int(100 * rng.choice([0.1, 0.5, 1, 2, 4]) * rng.uniform(0.5, 1.5))
    return total, is_speech


def window(seed: int, parts: list[list]) -> tuple[np.ndarray, np.ndarray]:
    """Return one window of samples, and a speech label for each 20 ms."""
    rng = np.random.default_rng(seed)
    total, is_speech = np.zeros(SAMPLES), np.zeros(SAMPLES // 160, dtype=bool)
    if rng.random() < 0.65:
        total, is_speech = speech(rng, parts)
        if rng.random() < 0.25:
            total = echoing(rng, total)
    if is_speech.any():
        power = np.square(total[np.repeat(is_speech, 160)]).mean()
        for _ in range(rng.choice([0, 1, 1, 1, 2])):
            ratio = 10 ** (-rng.uniform(3, 35) / 20)
            total = total + ratio * np.sqrt(power) * noise(rng)
    else:
        sound = noise(rng) + rng.choice([0, 0.5]) * noise(rng)
        total = sound * 10 ** (rng.uniform(-70, -8) / 20)
    if rng.random() < 0.15:
        total = telephone(rng, total)
    if rng.random() < 0.1:
        total = total * rng.uniform(1, 6)
    whole = np.round(np.clip(total, -1, 1) * 32767).astype(np.float32) / 32767
    return whole, is_speech.reshape(-1, HOP // 160).any(axis=1)


def echoing(rng: np.random.Generator, samples: np.ndarray) -> np.ndarray:
    """Add the reverberation of a room."""
    size = int(rng.uniform(0.05, 0.5) * RATE)
    room = rng.standard_normal(size) * np.exp(-6.9 * np.arange(size) / size)
    room *= rng.uniform(0.02, 0.12)
    room[0] = 1.0
    length = SAMPLES + size
    return np.fft.irfft(np.fft.rfft(samples, length) * np.fft.rfft(room, length))[
        :SAMPLES
    ]


def telephone(rng: np.random.Generator, samples: np.ndarray) -> np.ndarray:
    """Limit the band as a telephone does."""
    frequencies = np.fft.rfftfreq(SAMPLES, 1 / RATE)
    low, high = rng.uniform(80, 300), rng.uniform(3000, 3800)
    gain = (
        1
        / (1 + (low / np.maximum(frequencies, 1)) ** 8)
        / (1 + (frequencies / high) ** 16)
    )
    return np.fft.irfft(np.fft.rfft(samples) * gain, SAMPLES)


_SHARED: list = []  # in each process: the speech, and the filters


def example(seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Features and labels of one window."""
    parts, filters = _SHARED
    samples, is_speech = window(seed, parts)
    return log_energies(samples, filters).astype(np.float16), is_speech


# --- the network ----------------------------------------------------------------------


def network(mean: np.ndarray, deviation: np.ndarray):  # noqa: ANN201 - a Keras model
    """Build the network of `VoiceActivityDetector` in Keras."""
    from keras import Input, Model, layers

    inputs = Input((None, BANDS))
    states = layers.ZeroPadding1D(2)((inputs - mean) / deviation)
    first = layers.Conv1D(CHANNELS, 6, strides=2, activation="relu", name="first")
    states = first(states)
    for dilation in DILATIONS:
        convolution = layers.Conv1D(
            CHANNELS,
            5,
            dilation_rate=dilation,
            padding="same",
            activation="relu",
            name=f"dilated_{dilation}",
        )
        states = states + convolution(states)
    return Model(inputs, layers.Conv1D(1, 1, name="last")(states))


@click.command()
@click.option("--data", type=click.Path(path_type=Path), envvar="ASR_DATA", default=".")
@click.option("--output", type=click.Path(path_type=Path), required=True)
@click.option("--recipe", default="english/base", show_default=True)
@click.option("--windows", default=10_000, show_default=True)
@click.option("--epochs", default=12, show_default=True)
def main(data: Path, output: Path, recipe: str, windows: int, epochs: int) -> None:
    """Train the detector and write its arrays."""
    filters = librosa.filters.mel(sr=RATE, n_fft=FFT_SIZE, n_mels=BANDS).T
    sources = load_recipe(recipe_path(recipe)).data.train
    parts = [list(Preparation(s.corpus, data / s.path, s.subset)) for s in sources]
    held_out = windows // 20
    features = np.empty((windows, SAMPLES // 160 + 1, BANDS), np.float16)
    labels = np.empty((windows, FRAMES, 1), np.float32)
    workers = len(os.sched_getaffinity(0))
    with ProcessPoolExecutor(
        workers, initializer=_SHARED.extend, initargs=([parts, filters],)
    ) as pool:
        made_all = pool.map(example, range(windows), chunksize=20)
        for index, made in enumerate(made_all):
            features[index], labels[index, :, 0] = made
            if index % 1000 == 0:
                click.echo(f"window {index} of {windows}")
    import keras  # after the processes were forked

    keras.utils.set_random_seed(1)
    mean = features[:1000].astype(np.float32).mean(axis=(0, 1))
    deviation = features[:1000].astype(np.float32).std(axis=(0, 1))
    model = network(mean, deviation)
    rate = keras.optimizers.schedules.CosineDecay(
        1e-4,
        epochs * (windows - held_out) // 32,
        warmup_target=3e-3,
        warmup_steps=100,
    )
    model.compile(
        keras.optimizers.Adam(rate),
        keras.losses.BinaryCrossentropy(from_logits=True),
    )
    weights = 1 + (SPEECH_WEIGHT - 1) * labels[..., 0]
    model.fit(
        features[held_out:],
        labels[held_out:],
        sample_weight=weights[held_out:],
        batch_size=32,
        epochs=epochs,
        verbose=2,
    )
    arrays = {"filters": filters, "mean": mean, "deviation": deviation}
    for layer in model.layers:
        for weight in layer.weights:
            arrays[f"{layer.name}_{weight.name}"] = keras.ops.convert_to_numpy(weight)
    with atomic_write(output, "wb") as file:
        np.savez_compressed(file, **arrays)
    detector = VoiceActivityDetector(arrays)
    predicted = np.stack(
        [detector(window(seed, parts)[0]) > 0.5 for seed in range(held_out)]
    )
    is_speech = labels[:held_out, :, 0] > 0.5
    missed, false_alarms = 1 - predicted[is_speech].mean(), predicted[~is_speech].mean()
    click.echo(f"missed {missed:.1%}, false alarms {false_alarms:.1%}")


if __name__ == "__main__":
    main()
