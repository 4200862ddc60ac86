"""Waveform augmentation: speed, reverberation, noise and telephone band.

A model trained on clean clips alone fails on noisy ones. The random numbers are new
for each clip and epoch.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from asr.audio import io as audio_io
from asr.config.schema import AugmentConfig

_NOISE_DB = (0.0, 25.0)  # signal-to-noise ratio
_SLOPE = (0.0, 2.0)  # spectral slope of the noise: white, pink, brown
_DECAY_SECONDS = (0.15, 0.8)  # reverberation time, until echoes are 60 dB down
_DELAY_SECONDS = 0.003  # until the first echo
_ECHO = (0.1, 1.0)  # energy of all echoes relative to the voice
_LOW_HZ, _HIGH_HZ = (200.0, 350.0), (3200.0, 3800.0)  # band of a telephone
_MU = 255.0  # mu-law of ITU-T G.711


@dataclass(frozen=True)
class WaveformAugmentation:
    """Changes speed, and adds reverberation, noise or a telephone band to some clips.

    Args:
        config: Speeds, and share of clips for each effect.
        rate: Samples per second.
    """

    config: AugmentConfig
    rate: int

    def speed(self, random: np.random.Generator) -> float:
        """Draw a clip's speed, the first random number, so that its length is known."""
        return float(random.choice(self.config.speeds))

    def __call__(self, samples: np.ndarray, random: np.random.Generator) -> np.ndarray:
        """Return the augmented clip.

        Args:
            samples: The clip, (N,) float32.
            random: Generator of this clip and epoch.
        """
        config, rate = self.config, self.rate
        speed = self.speed(random)
        if speed != 1.0:
            samples = audio_io.resample(samples, round(rate * speed), rate)
        for share, effect in (
            (config.rooms, add_reverberation),
            (config.noise, add_noise),
            (config.telephone, telephone_band),
        ):
            if share and random.random() < share:
                samples = effect(samples, rate, random)
        return samples


def add_reverberation(
    samples: np.ndarray, rate: int, random: np.random.Generator
) -> np.ndarray:
    """Convolve with decaying noise of random energy and length."""
    decay = random.uniform(*_DECAY_SECONDS)
    size, delay = round(decay * rate), round(_DELAY_SECONDS * rate)
    echoes = random.standard_normal(size) * 10 ** (-3 * np.arange(size) / size)
    echoes *= np.sqrt(random.uniform(*_ECHO) / np.square(echoes).sum())
    response = np.concatenate([[1.0], np.zeros(delay), echoes])
    count = _next_power_of_two(len(samples) + len(response))
    spectrum = np.fft.rfft(samples, count) * np.fft.rfft(response, count)
    return np.fft.irfft(spectrum, count)[: len(samples)].astype("float32")


def add_noise(
    samples: np.ndarray, rate: int, random: np.random.Generator
) -> np.ndarray:
    """Add stationary noise of random colour and level."""
    count = _next_power_of_two(len(samples))
    frequencies = np.maximum(np.fft.rfftfreq(count, 1 / rate), 20.0)
    spectrum = random.standard_normal((2, len(frequencies)))
    shaped = (spectrum[0] + 1j * spectrum[1]) * frequencies ** (
        -random.uniform(*_SLOPE) / 2
    )
    noise = np.fft.irfft(shaped, count)[: len(samples)]
    level = samples.std() * 10 ** (-random.uniform(*_NOISE_DB) / 20)
    return samples + (noise * (level / max(noise.std(), 1e-12))).astype("float32")


def telephone_band(
    samples: np.ndarray, rate: int, random: np.random.Generator
) -> np.ndarray:
    """Keep the band of a telephone, quantised to 8 bits of mu-law."""
    low, high = random.uniform(*_LOW_HZ), random.uniform(*_HIGH_HZ)
    count = _next_power_of_two(len(samples))
    spectrum = np.fft.rfft(samples, count)
    frequencies = np.fft.rfftfreq(count, 1 / rate)
    spectrum[(frequencies < low) | (frequencies > high)] = 0.0
    narrow = np.clip(np.fft.irfft(spectrum, count)[: len(samples)], -1.0, 1.0)
    packed = np.round(np.log1p(_MU * np.abs(narrow)) / np.log1p(_MU) * 127.0) / 127.0
    return (np.sign(narrow) * np.expm1(packed * np.log1p(_MU)) / _MU).astype("float32")


def _next_power_of_two(size: int) -> int:
    """Return the next power of two, for a fast Fourier transform."""
    return 1 << max(size - 1, 1).bit_length()
