"""Calibration of word confidences, and its error."""

from __future__ import annotations

import numpy as np
import pytest

from asr.config.schema import Calibration
from asr.errors import DataError
from asr.metrics.calibration import calibrated, calibration_error, fit_calibration


def drawn(scale, bias, count=20_000):
    """Probabilities that are off by a known scale and bias of their log odds."""
    random = np.random.default_rng(7)
    given = random.beta(2, 1, count)
    true = [calibrated(Calibration(scale, bias), value) for value in given]
    return given, random.random(count) < true


@pytest.mark.parametrize(("scale", "bias"), [(1.0, 0.0), (0.4, -1.0), (2.0, 0.5)])
def test_a_known_distortion_is_found(scale, bias):
    given, right = drawn(scale, bias)
    found = fit_calibration(given, right)
    assert found.scale == pytest.approx(scale, abs=0.06)
    assert found.bias == pytest.approx(bias, abs=0.06)
    sure = [calibrated(found, value) for value in given]
    assert calibration_error(sure, right) < 0.012
    if scale != 1.0:
        assert calibration_error(given, right) > 0.05


def test_error_by_hand():
    """Bins 0.9-1.0 and 0.2-0.3, each off by its own mean."""
    sure, right = [0.95, 0.95, 0.25, 0.25], [True, False, False, False]
    assert calibration_error(sure, right) == pytest.approx(0.5 * 0.45 + 0.5 * 0.25)
    assert calibration_error([1.0, 0.0], [True, False]) == 0.0


@pytest.mark.parametrize("seed", range(20))
def test_few_words_of_an_overconfident_model(seed):
    """The mean of what a fit says is the share that is right."""
    random = np.random.default_rng(seed)
    given = random.beta(8, 0.3, 40)
    right = random.random(40) < 0.4
    found = fit_calibration(given, right)
    sure = [calibrated(found, value) for value in given]
    assert np.mean(sure) == pytest.approx(right.mean(), abs=0.02)


@pytest.mark.parametrize("right", [True, False])
def test_all_alike(right):
    found = fit_calibration([0.3, 0.6, 0.9, 1.0, 0.0], [right] * 5)
    sure = [calibrated(found, value) for value in (0.0, 0.5, 1.0)]
    assert all(0.0 <= value <= 1.0 for value in sure)
    assert (np.mean(sure) > 0.5) == right


def test_nothing_to_fit():
    with pytest.raises(DataError, match="no words"):
        fit_calibration([], [])
