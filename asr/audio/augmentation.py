"""What recordings suffer on their way, drawn anew for each clip and epoch.

A model that was trained on clean clips alone fails on noise, rooms and telephones.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from asr.audio import io as audio_io
from asr.config.schema import AugmentConfig

_NOISE_DB = (0.0, 25.0)  # how much louder the voice is
_SLOPE = (0.0, 2.0)  # of the noise: from white over pink to brown
_DECAY_SECONDS = (0.15, 0.8)  # until echoes are 60 dB down
_DELAY_SECONDS = 0.003  # until the first echo
_ECHO = (0.1, 1.0)  # energy of all echoes, where that of the voice is 1
_LOW_HZ, _HIGH_HZ = (200.0, 350.0), (3200.0, 3800.0)  # what telephones let pass
_MU = 255.0  # of the companding of ITU-T G.711


@dataclass(frozen=True)
class Distortion:
    """Changes the speed of clips, puts some of them into a room, adds noise, and so on.

    Args:
        config: How often.
        rate: Samples in a second.
    """

    config: AugmentConfig
    rate: int

    def speed(self, random: np.random.Generator) -> float:
        """Draw a clip's speed: first of its stream, so that it is known beforehand."""
        return float(random.choice(self.config.speeds))

    def __call__(self, samples: np.ndarray, random: np.random.Generator) -> np.ndarray:
        """Return a clip, (N,) float32, as somebody else might have recorded it."""
        config, rate = self.config, self.rate
        speed = self.speed(random)
        if speed != 1.0:
            samples = audio_io.resample(samples, round(rate * speed), rate)
        if config.rooms and random.random() < config.rooms:
            samples = in_room(samples, rate, random)
        if config.noise and random.random() < config.noise:
            samples = with_noise(samples, rate, random)
        if config.telephone and random.random() < config.telephone:
            samples = by_telephone(samples, rate, random)
        return samples


def in_room(samples: np.ndarray, rate: int, random: np.random.Generator) -> np.ndarray:
    """Add echoes: noise that fades, with energy and length drawn at random."""
    decay = random.uniform(*_DECAY_SECONDS)
    size, delay = round(decay * rate), round(_DELAY_SECONDS * rate)
    fading = random.standard_normal(size) * 10 ** (-3 * np.arange(size) / size)
    fading *= np.sqrt(random.uniform(*_ECHO) / np.square(fading).sum())
    response = np.concatenate([[1.0], np.zeros(delay), fading])
    count = _fast(len(samples) + len(response))
    spectrum = np.fft.rfft(samples, count) * np.fft.rfft(response, count)
    return np.fft.irfft(spectrum, count)[: len(samples)].astype("float32")


def with_noise(
    samples: np.ndarray, rate: int, random: np.random.Generator
) -> np.ndarray:
    """Add steady noise, of a colour and level drawn at random."""
    count = _fast(len(samples))
    frequencies = np.maximum(np.fft.rfftfreq(count, 1 / rate), 20.0)
    spectrum = random.standard_normal((2, len(frequencies)))
    shaped = (spectrum[0] + 1j * spectrum[1]) * frequencies ** (
        -random.uniform(*_SLOPE) / 2
    )
    noise = np.fft.irfft(shaped, count)[: len(samples)]
    level = samples.std() * 10 ** (-random.uniform(*_NOISE_DB) / 20)
    return samples + (noise * (level / max(noise.std(), 1e-12))).astype("float32")


def by_telephone(
    samples: np.ndarray, rate: int, random: np.random.Generator
) -> np.ndarray:
    """Keep the band of a telephone, in 8 bits of mu-law."""
    low, high = random.uniform(*_LOW_HZ), random.uniform(*_HIGH_HZ)
    count = _fast(len(samples))
    spectrum = np.fft.rfft(samples, count)
    frequencies = np.fft.rfftfreq(count, 1 / rate)
    spectrum[(frequencies < low) | (frequencies > high)] = 0.0
    narrow = np.clip(np.fft.irfft(spectrum, count)[: len(samples)], -1.0, 1.0)
    packed = np.round(np.log1p(_MU * np.abs(narrow)) / np.log1p(_MU) * 127.0) / 127.0
    return (np.sign(narrow) * np.expm1(packed * np.log1p(_MU)) / _MU).astype("float32")


def _fast(size: int) -> int:
    """Return a size, at least this one, whose Fourier transform is fast."""
    return 1 << max(size - 1, 1).bit_length()
