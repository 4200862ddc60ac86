"""Mel filters: bands of the power spectrum, as the frontends of all models use them."""

from __future__ import annotations

import numpy as np


def mel_filters(rate: int, fft_size: int, mels: int) -> np.ndarray:
    """Return triangular filters of equal area, from 0 Hz to half the rate.

    Their corners are equally spaced in mels: 200/3 Hz each up to 1 kHz, then a factor
    of 6.4 every 27 mels.

    Args:
        rate: Sample rate in hertz, above 2 kHz.
        fft_size: Length of the Fourier transform in samples.
        mels: Number of bands.

    Returns:
        Weights of the power spectrum, (fft_size // 2 + 1, mels) float32; those of
        `librosa.filters.mel`, but for the last bit.

    Reference:
        M. Slaney, Auditory Toolbox, Technical Report 1998-010, Interval Research.
    """
    hertz = _corners(rate, mels)
    bins = np.linspace(0.0, rate / 2.0, fft_size // 2 + 1)[:, None]
    rising = (bins - hertz[:-2]) / np.diff(hertz)[:-1]
    falling = (hertz[2:] - bins) / np.diff(hertz)[1:]
    triangles = np.maximum(0.0, np.minimum(rising, falling))
    return (triangles * 2.0 / (hertz[2:] - hertz[:-2])).astype("float32")


def band_centres(rate: int, mels: int) -> np.ndarray:
    """Return the frequency in hertz where each band is most sensitive, (mels,)."""
    return _corners(rate, mels)[1:-1]


def _corners(rate: int, mels: int) -> np.ndarray:
    """Return the corners of all filters in hertz, (mels + 2,)."""
    step = np.log(6.4) / 27.0
    corners = np.linspace(0.0, 15.0 + np.log(rate / 2000.0) / step, mels + 2)
    logarithmic = 1000.0 * np.exp(step * (np.maximum(corners, 15.0) - 15.0))
    return np.asarray(np.where(corners >= 15.0, logarithmic, corners * 200.0 / 3.0))
