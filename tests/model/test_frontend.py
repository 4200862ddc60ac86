"""Log-mel energies: librosa's numbers, whatever padding and neighbours."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from asr.audio.io import find_audio, read
from asr.config.schema import FrontendConfig
from asr.model.frontend import LogMel
from tests.layer_checks import LayerChecks

GOLDEN = Path(__file__).resolve().parent.parent / "golden" / "log_mel.npz"


def padded(recordings, extra=0):
    """Waveforms and lengths of one batch."""
    lengths = np.array([len(samples) for samples in recordings], "int32")
    waveforms = np.zeros((len(recordings), lengths.max() + extra), "float32")
    for row, samples in enumerate(recordings):
        waveforms[row, : len(samples)] = samples
    return waveforms, lengths


def run(layer, recordings, extra=0):
    """Features of each recording without padding."""
    features, counts = layer(*padded(recordings, extra))
    return [np.asarray(features)[row, :count] for row, count in enumerate(counts)]


def energies(layer, recordings):
    """Log-mel energies of each recording before normalisation."""
    waveforms, lengths = padded(recordings)
    rows = np.asarray(layer.energies(waveforms, lengths))
    counts = layer.output_lengths(lengths)
    return [row[:count] for row, count in zip(rows, counts, strict=True)]


@pytest.fixture(scope="module")
def speech(speech_data):
    """A few recordings of real speech from different corpora."""
    found = []
    for corpus in ("an4", "LibriSpeech", "common-voice"):
        folder = speech_data / corpus
        if folder.is_dir():
            found += [read(path, duration=8.0) for path in find_audio(folder)[:2]]
    if not found:
        pytest.skip("no recordings of known corpora in ASR_DATA")
    return found


def of_librosa(samples):
    pytest.importorskip("librosa")
    from tests.golden.make_log_mel import log_mel

    return log_mel(samples)


def test_real_speech_equals_librosa(speech):
    layer = LogMel(FrontendConfig())
    for samples, features in zip(speech, energies(layer, speech), strict=True):
        expected = of_librosa(samples)
        assert features.shape == expected.shape
        assert np.abs(features - expected).max() < 1e-4


def test_golden_numbers():
    """The file is made by `tests/golden/make_log_mel.py`."""
    with np.load(GOLDEN) as golden:
        (features,) = energies(LogMel(FrontendConfig()), [golden["samples"]])
        np.testing.assert_allclose(features, golden["features"], atol=1e-4)


def test_a_loud_neighbour_changes_nothing():
    random = np.random.default_rng(0)
    quiet = (random.normal(size=5000) * 1e-3).astype("float32")
    loud = np.sign(random.normal(size=9000)).astype("float32")
    layer = LogMel(FrontendConfig())
    (alone,) = run(layer, [quiet])
    together = run(layer, [quiet, loud])[0]
    np.testing.assert_allclose(together, alone, atol=1e-5)


def test_values_in_the_padding_do_not_matter():
    samples = np.random.default_rng(1).normal(size=(1, 4000)).astype("float32")
    layer = LogMel(FrontendConfig())
    lengths = np.array([3000], "int32")
    features, _ = layer(samples, lengths)
    clean = samples.copy()
    clean[:, 3000:] = 0.0
    expected, _ = layer(clean, lengths)
    np.testing.assert_array_equal(np.asarray(features), np.asarray(expected))
    assert not np.asarray(features)[0, layer.output_lengths(3000) :].any()


@pytest.mark.parametrize("count", [1, 2, 159, 160, 161, 399, 400, 1600, 1601])
def test_the_number_of_frames(count):
    samples = np.random.default_rng(2).normal(size=(1, count)).astype("float32")
    layer = LogMel(FrontendConfig())
    features, lengths = layer(samples, np.array([count], "int32"))
    assert features.shape == (1, 1 + count // 160, 80)
    assert int(lengths[0]) == 1 + count // 160 == layer.output_lengths(count)
    assert np.isfinite(np.asarray(features)).all()


def test_silence_is_the_floor_and_normalises_to_zero():
    silence = [np.zeros(3200, "float32")]
    (floor,) = energies(LogMel(FrontendConfig()), silence)
    np.testing.assert_allclose(floor, np.log(1e-10), rtol=1e-6)
    # A constant minus its mean is rounding noise, which the epsilon keeps small.
    assert np.abs(run(LogMel(FrontendConfig()), silence)[0]).max() < 1e-2


def test_utterance_normalisation():
    samples = np.random.default_rng(3).normal(size=16000).astype("float32") * 0.1
    (features,) = run(LogMel(FrontendConfig()), [samples], extra=1000)
    np.testing.assert_allclose(features.mean(0), 0.0, atol=1e-4)
    np.testing.assert_allclose(features.std(0), 1.0, atol=1e-3)


def test_other_rates_and_sizes():
    config = FrontendConfig(rate=8000, mels=40, window_ms=32.0, hop_ms=16.0)
    layer = LogMel(config)
    (features,) = run(layer, [np.zeros(8000, "float32")])
    assert (layer.window, layer.hop, layer.fft_size) == (256, 128, 256)
    assert features.shape == (1 + 8000 // 128, 40)


class TestLogMel(LayerChecks):
    """The harness of all layers."""

    config = FrontendConfig(mels=20)
    lengths = (4000, 2500, 801)

    def make(self, config):
        return LogMel(config)

    def example(self, random, length):
        return random.normal(size=length) * 0.1

    def call(self, layer, padded, lengths, **options):
        features, counts = layer(padded, lengths)
        return (features,), (np.asarray(counts),)
