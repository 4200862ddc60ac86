"""Mel filters: those of librosa, and some by hand."""

from __future__ import annotations

import numpy as np
import pytest

from asr.audio.mel import mel_filters


def test_filters_equal_librosa():
    librosa = pytest.importorskip("librosa")
    for rate, size, mels in ((16000, 512, 80), (8000, 256, 40), (44100, 2048, 128)):
        expected = librosa.filters.mel(sr=rate, n_fft=size, n_mels=mels).T
        # Equal but for rounding: the largest weights are about 0.03.
        np.testing.assert_allclose(mel_filters(rate, size, mels), expected, atol=5e-9)


def test_filters_by_hand():
    # 6400 Hz are 42 mels: corners are 3 mels apart, which is 200 Hz up to 1 kHz.
    filters = mel_filters(12800, 256, 13)  # (129, 13); bins are 50 Hz apart
    assert filters.argmax(axis=0)[:5].tolist() == [4, 8, 12, 16, 20]
    np.testing.assert_allclose(filters.max(axis=0)[:4], 2 / 400, rtol=1e-6)
    np.testing.assert_allclose(
        filters[:9, 0] * 200, [0, 0.25, 0.5, 0.75, 1, 0.75, 0.5, 0.25, 0], atol=1e-6
    )
    top = 1000 * 6.4 ** (np.array([21, 24, 27]) / 27)  # of the last filter
    np.testing.assert_allclose(filters[:, 12].sum() * 50, 1.0, rtol=1e-3)
    assert filters[:, 12].argmax() == round(top[1] / 50)
