"""Calibration of word confidences, and the calibration error."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from asr.config.schema import Calibration
from asr.errors import DataError

_BINS = 10
_MARGIN = 1e-6  # of a probability from 0 and 1
_ITERATIONS = 50
_MIN_SCALE = 0.01  # a scale of 0 could not be calibrated again
_PRIOR = 1e-3  # keeps the fit finite if all words are correct, or all wrong


def calibrated(calibration: Calibration, probability: float) -> float:
    """Return the calibrated confidence of a word, 0 to 1.

    Args:
        calibration: Scale and bias of the log odds.
        probability: Probability of the word by the model, 0 to 1.
    """
    value = calibration.scale * float(_logit(probability)) + calibration.bias
    return float(1.0 / (1.0 + np.exp(-np.clip(value, -500, 500))))


def fit_calibration(
    probabilities: Sequence[float], correct: Sequence[bool]
) -> Calibration:
    """Fit scale and bias of the log odds by logistic regression (Platt scaling).

    Args:
        probabilities: Probability of each word by the model, 0 to 1.
        correct: Correctness of each word.

    Raises:
        DataError: There are no words.

    Reference:
        J. Platt, Probabilistic Outputs for Support Vector Machines, 1999; the scale is
        the temperature of C. Guo et al., On Calibration of Modern Neural Networks, ICML
        2017, inverted.
    """
    if not len(probabilities):
        raise DataError("no words to calibrate on")
    odds = _logit(np.asarray(probabilities, dtype=float))
    inputs = np.stack([odds, np.ones_like(odds)], axis=1)
    targets, weights = np.asarray(correct, dtype=float), np.array([1.0, 0.0])

    def loss(weights: np.ndarray) -> float:
        scores = inputs @ weights
        nll = np.sum(np.logaddexp(0.0, scores) - targets * scores)
        return float(nll + 0.5 * _PRIOR * np.sum(np.square(weights - [1.0, 0.0])))

    for _ in range(_ITERATIONS):  # Newton's method; a step that overshoots is halved
        predicted = 0.5 * (1.0 + np.tanh(0.5 * inputs @ weights))
        gradient = inputs.T @ (predicted - targets) + _PRIOR * (weights - [1.0, 0.0])
        hessian = (inputs * (predicted * (1.0 - predicted))[:, None]).T @ inputs
        step = np.linalg.solve(hessian + _PRIOR * np.eye(2), gradient)
        while loss(weights - step) > loss(weights) and np.abs(step).max() > _MARGIN:
            step = 0.5 * step
        weights = weights - step
    scale, bias = float(weights[0]), float(weights[1])
    if scale < _MIN_SCALE:  # the probabilities do not separate correct from wrong
        scale = _MIN_SCALE
        bias = float(_logit(targets.mean()) - scale * odds.mean())
    return Calibration(scale=scale, bias=bias)


def calibration_error(probabilities: Sequence[float], correct: Sequence[bool]) -> float:
    """Return the expected calibration error over ten bins of equal width, 0 to 1.

    Args:
        probabilities: Confidence of each word, 0 to 1.
        correct: Correctness of each word.

    Reference:
        M. Naeini et al., Obtaining Well Calibrated Probabilities Using Bayesian
        Binning, AAAI 2015.
    """
    gaps = calibration_gaps(probabilities, correct)
    return float(np.abs(gaps).sum() / max(1, len(probabilities)))


def calibration_gaps(
    probabilities: Sequence[float], correct: Sequence[bool]
) -> np.ndarray:
    """Return the sum of confidence minus correctness in each of ten bins, (10,).

    The gaps of parts of a set add up to those of the set. `calibration_error` is the
    sum of their sizes, divided by the number of words.
    """
    confidences = np.asarray(probabilities, dtype=float)
    bins = np.minimum((confidences * _BINS).astype(int), _BINS - 1)
    return np.bincount(bins, confidences - np.asarray(correct, dtype=float), _BINS)


def _logit(probability: float | np.ndarray) -> np.ndarray:
    clipped = np.clip(probability, _MARGIN, 1.0 - _MARGIN)
    return np.asarray(np.log(clipped) - np.log1p(-clipped))
