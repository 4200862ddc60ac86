"""Log-mel energies in bounded memory; their values are in `test_network`."""

from __future__ import annotations

import tracemalloc

import numpy as np

from asr.config.schema import FrontendConfig
from asr.runtime import frontend
from asr.runtime.frontend import LogMel

LARGEST = FrontendConfig(rate=192_000, hop_ms=1.0, window_ms=200.0)


def test_the_largest_transforms_take_little_memory():
    """All 1,001 frames at once would take 700 MB."""
    log_mel = LogMel(LARGEST)
    samples = np.zeros(LARGEST.rate, np.float32)
    tracemalloc.start()
    features = log_mel.energies(samples)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert features.shape == (1001, 80)
    assert peak < 40e6


def test_blocks_change_nothing(monkeypatch):
    samples = np.random.default_rng(0).uniform(-1, 1, 8000).astype(np.float32)
    expected = LogMel(FrontendConfig()).energies(samples)
    for size in (1, 512 * 7, 512 * 50):
        monkeypatch.setattr(frontend, "_AT_ONCE", size)
        found = LogMel(FrontendConfig()).energies(samples)
        np.testing.assert_allclose(found, expected, atol=1e-5)
