"""How sure a recogniser may be of its words: a fit, and how far off it is."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from asr.config.schema import Calibration
from asr.errors import DataError

_BINS = 10
_CLOSEST = 1e-6  # of a probability to 0 and 1
_ROUNDS = 50
_FLATTEST = 0.01  # scale; with none nothing would be left to calibrate again
_PRIOR = 1e-3  # holds the fit where all words are right, or wrong


def calibrated(calibration: Calibration, probability: float) -> float:
    """Return the share of words that are right among those of such a probability.

    Args:
        calibration: What `fit_calibration` returned.
        probability: What the model gives a word, from 0 to 1.
    """
    value = calibration.scale * float(_logit(probability)) + calibration.bias
    return float(1.0 / (1.0 + np.exp(-np.clip(value, -500, 500))))


def fit_calibration(
    probabilities: Sequence[float], right: Sequence[bool]
) -> Calibration:
    """Fit scale and bias of log odds to what turned out to be right.

    Args:
        probabilities: What the model gave each word, from 0 to 1.
        right: Whether it was right.

    Raises:
        DataError: There are no words.

    Reference:
        J. Platt, Probabilistic Outputs for Support Vector Machines, 1999; the scale is
        the temperature of C. Guo et al., On Calibration of Modern Neural Networks, ICML
        2017, turned round.
    """
    if not len(probabilities):
        raise DataError("no words to calibrate on")
    odds = _logit(np.asarray(probabilities, dtype=float))
    inputs = np.stack([odds, np.ones_like(odds)], axis=1)
    wanted, found = np.asarray(right, dtype=float), np.array([1.0, 0.0])

    def loss(weights: np.ndarray) -> float:
        scores = inputs @ weights
        fit = np.sum(np.logaddexp(0.0, scores) - wanted * scores)
        return float(fit + 0.5 * _PRIOR * np.sum(np.square(weights - [1.0, 0.0])))

    for _ in range(_ROUNDS):  # Newton's method, in steps that help
        guess = 0.5 * (1.0 + np.tanh(0.5 * inputs @ found))
        slope = inputs.T @ (guess - wanted) + _PRIOR * (found - [1.0, 0.0])
        spread = (inputs * (guess * (1.0 - guess))[:, None]).T @ inputs
        step = np.linalg.solve(spread + _PRIOR * np.eye(2), slope)
        while loss(found - step) > loss(found) and np.abs(step).max() > _CLOSEST:
            step = 0.5 * step
        found = found - step
    scale, bias = float(found[0]), float(found[1])
    if scale < _FLATTEST:  # what the model says does not tell right from wrong
        scale = _FLATTEST
        bias = float(_logit(wanted.mean()) - scale * odds.mean())
    return Calibration(scale=scale, bias=bias)


def calibration_error(probabilities: Sequence[float], right: Sequence[bool]) -> float:
    """Return the expected calibration error over ten bins of equal width, from 0 to 1.

    Args:
        probabilities: How sure each word was, from 0 to 1.
        right: Whether it was right.

    Reference:
        M. Naeini et al., Obtaining Well Calibrated Probabilities Using Bayesian
        Binning, AAAI 2015.
    """
    sure = np.asarray(probabilities, dtype=float)
    bins = np.minimum((sure * _BINS).astype(int), _BINS - 1)
    gaps = np.bincount(bins, sure - np.asarray(right, dtype=float), _BINS)
    return float(np.abs(gaps).sum() / max(1, len(sure)))


def _logit(probability: float | np.ndarray) -> np.ndarray:
    clipped = np.clip(probability, _CLOSEST, 1.0 - _CLOSEST)
    return np.asarray(np.log(clipped) - np.log1p(-clipped))
