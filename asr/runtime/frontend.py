"""Log-mel energies in NumPy; the numbers of `asr.model.frontend`."""

from __future__ import annotations

import numpy as np

from asr.audio.mel import mel_filters
from asr.config.schema import FrontendConfig

FLOOR, EPSILON = 1e-10, 1e-5
_AT_ONCE = 512_000  # samples of the transforms that are in memory at the same time


class LogMel:
    """Normalised log-mel energies of one recording after another.

    Args:
        config: Rates and sizes.
    """

    def __init__(self, config: FrontendConfig) -> None:
        self.hop, self.fft_size, window = config.hop, config.fft_size, config.window
        self._window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(window) / window)
        self._filters = mel_filters(config.rate, self.fft_size, config.mels)

    def __call__(self, samples: np.ndarray) -> np.ndarray:
        """Return normalised features of a waveform (N,), (1 + N // hop, F)."""
        features = self.energies(samples)
        features -= features.mean(axis=0, dtype="f8").astype("f4")
        variance = np.mean(features * features, axis=0, dtype="f8").astype("f4")
        features /= np.sqrt(variance + np.float32(EPSILON))
        return features

    def energies(self, samples: np.ndarray) -> np.ndarray:
        """Return log-mel energies of a waveform (N,) in [-1, 1], in nepers, float32."""
        width, frames = len(self._window), len(samples) // self.hop + 1
        # Frame t is centred at sample t * hop, with silence before and after.
        before = width // 2 + (self.fft_size - width) % 2
        padded = np.zeros(len(samples) + 2 * self.fft_size, np.float64)
        padded[before : before + len(samples)] = samples
        windows = np.lib.stride_tricks.sliding_window_view(padded, width)[:: self.hop]
        features = np.empty((frames, self._filters.shape[1]), np.float32)
        count = max(1, _AT_ONCE // self.fft_size)
        for first in range(0, frames, count):
            some = windows[first : min(first + count, frames)]
            spectrum = np.fft.rfft(some * self._window, self.fft_size)
            real, imaginary = spectrum.real.astype("f4"), spectrum.imag.astype("f4")
            power = real * real + imaginary * imaginary
            energies = np.maximum(power @ self._filters, FLOOR)
            features[first : first + len(some)] = np.log(energies)
        return features
