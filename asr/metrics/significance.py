"""Confidence intervals of error rates, and tests of their differences.

References:
    M. Bisani, H. Ney, Bootstrap estimates for confidence intervals in ASR performance
    evaluation, ICASSP 2004; L. Gillick, S. Cox, Some statistical issues in the
    comparison of speech recognition algorithms, ICASSP 1989.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence
from dataclasses import asdict, dataclass
from statistics import NormalDist
from typing import Any, NamedTuple

import numpy as np

from asr.errors import UsageError
from asr.metrics.alignment import Aligned, Aligner, align

LEVEL = 0.95
"""Confidence level: the share of intervals that contain the true value."""

_DRAWS = 1000
_CHUNK = 2_000_000  # units drawn at once, which bounds the memory
_MIN_GROUPS = 5  # fewer do not show the variance between groups
_CORRECT_WORDS = 2  # correct in both systems, between two segments


class Interval(NamedTuple):
    """Confidence interval of a rate, at the level `LEVEL`."""

    low: float
    high: float


@dataclass(frozen=True)
class Comparison:
    """Comparison of two systems on the same utterances.

    Attributes:
        difference: WER of the second system minus WER of the first.
        interval: Confidence interval of the difference; None without enough data.
        better: Share of bootstrap draws in which the second system has fewer errors.
        p_bootstrap: Two-sided p-value of the bootstrap.
        segments: Number of segments in the matched-pair test.
        p_matched_pairs: Two-sided p-value of the matched-pair sentence-segment word
            error test; 1.0 with fewer than two segments.
    """

    difference: float
    interval: Interval | None
    better: float
    p_bootstrap: float
    segments: int
    p_matched_pairs: float

    def to_json(self) -> dict[str, Any]:
        """Return all values as JSON data."""
        return asdict(self)

    def summary(self) -> str:
        """Return all values as text, differences in percentage points."""
        between = ""
        if self.interval:
            low, high = self.interval
            between = f", {LEVEL:.0%} between {100 * low:+.2f} and {100 * high:+.2f}"
        return (
            f"difference {100 * self.difference:+.2f} points{between}\n"
            f"bootstrap: {_p_value(self.p_bootstrap)}, the second is better in "
            f"{self.better:.1%} of draws\n"
            f"matched pairs (MAPSSWE): {_p_value(self.p_matched_pairs)}, "
            f"{self.segments} segments"
        )


def _p_value(p: float) -> str:
    """Format a p-value, which is never zero."""
    return f"p = {p:.3f}" if p >= 0.001 else "p < 0.001"


def interval(
    errors: np.ndarray,
    words: np.ndarray,
    groups: Sequence[Hashable] | None = None,
    *,
    seed: int = 0,
) -> Interval | None:
    """Compute the confidence interval of an error rate by a studentised bootstrap.

    Errors of one speaker are correlated, so intervals for new speakers need whole
    speakers as groups. Each draw is divided by its own standard error. This keeps the
    level with few speakers; intervals from percentiles are too narrow.

    Args:
        errors: Errors of each utterance, (N,), or differences of two systems.
        words: Reference words of each utterance, (N,).
        groups: Group of each utterance, drawn together; by default each utterance is a
            group.
        seed: Random seed.

    Returns:
        The interval, not below 0 for errors. None with fewer than five groups, or if
        all groups have the same rate.
    """
    errors, words = _grouped(errors, words, groups)
    rate, spread = _rates(errors, words, np.ones((1, len(errors))))
    if len(errors) < _MIN_GROUPS or not spread[0] > 0:
        return None
    drawn, spreads = _draw(errors, words, seed)
    # A draw without errors has no standard error; it takes that of the sample.
    scores = (drawn - rate) / np.where(spreads > 0, spreads, spread)
    tail = (1 - LEVEL) / 2
    low, high = rate - spread * np.quantile(scores, [1 - tail, tail])
    if (errors >= 0).all():
        low = max(low, 0.0)
    return Interval(float(low), float(high))


def compare(
    references: Sequence[str],
    first: Sequence[str],
    second: Sequence[str],
    groups: Sequence[Hashable] | None = None,
    *,
    aligner: Aligner = align,
    seed: int = 0,
) -> Comparison:
    """Test the difference of two systems on the same utterances.

    Args:
        references: Reference texts, one for each utterance.
        first: Texts recognised by the first system, in the same order.
        second: Texts recognised by the second system.
        groups: Group of each utterance, drawn together by the bootstrap; by default, or
            with fewer than five groups, each utterance is a group.
        aligner: Function from reference and hypothesis to steps.
        seed: Random seed.

    Raises:
        UsageError: They have different lengths, or the references have no words.
    """
    if not len(references) == len(first) == len(second):
        raise UsageError(
            f"{len(references)} references, {len(first)} and {len(second)} hypotheses; "
            "give one of each for every utterance"
        )
    sides = [
        [_errors(aligner(reference, text)) for text in texts]
        for reference, *texts in zip(references, first, second, strict=True)
    ]
    errors = np.array([[sum(side) for side in row] for row in sides]).reshape(-1, 2)
    counts = np.array([[len(side) // 2 for side in row] for row in sides])
    counts = counts.reshape(-1, 2)
    pairs = np.array([extra for row in sides for extra in _segments(*row)])
    if not counts.sum(axis=0).all():
        raise UsageError("the references have no words; there is nothing to compare")
    if groups is not None and len(set(groups)) < _MIN_GROUPS:
        groups = None
    differences, words = errors[:, 1] - errors[:, 0], counts[:, 0]
    drawn, _ = _draw(*_grouped(differences, words, groups), seed)
    # Counting the observed difference as one more draw keeps p above zero.
    fewer = min((drawn >= 0).sum(), (drawn <= 0).sum())
    one, other = errors.sum(axis=0) / counts.sum(axis=0)
    return Comparison(
        difference=float(other - one),
        interval=interval(differences, words, groups, seed=seed),
        better=float((drawn < 0).mean()),
        p_bootstrap=min(1.0, 2 * float(fewer + 1) / (_DRAWS + 1)),
        segments=len(pairs),
        p_matched_pairs=_matched_pairs(pairs),
    )


def _errors(steps: Sequence[Aligned]) -> list[int]:
    """Return errors at odd positions for words, at even ones for insertions."""
    errors = [0]
    for step in steps:
        if step.operation == "I":
            errors[-1] += 1
        else:
            errors += [int(step.operation != "C"), 0]
    return errors


def _segments(first: Sequence[int], second: Sequence[int]) -> Iterator[int]:
    """Yield the second system's additional errors in each segment with errors."""
    if len(first) != len(second):  # the alignments took different alternatives
        yield sum(second) - sum(first)
        return
    correct, difference, inside = 0, 0, False
    for position, (one, other) in enumerate(zip(first, second, strict=True)):
        if one or other:
            difference += other - one
            inside, correct = True, 0
        elif position % 2:
            correct += 1
        if inside and correct == _CORRECT_WORDS:
            yield difference
            difference, inside = 0, False
    if inside:
        yield difference


def _matched_pairs(differences: np.ndarray) -> float:
    if len(differences) < 2:
        return 1.0
    spread = differences.std(ddof=1) / np.sqrt(len(differences))
    if spread == 0:  # equal differences: the sign test
        return min(1.0, 2 * 0.5 ** len(differences)) if differences[0] else 1.0
    return float(2 * NormalDist().cdf(-abs(differences.mean() / spread)))


def _grouped(
    errors: np.ndarray, words: np.ndarray, groups: Sequence[Hashable] | None
) -> tuple[np.ndarray, np.ndarray]:
    """Add up the utterances of each group."""
    if groups is None:
        return errors.astype(np.float64), words.astype(np.float64)
    numbers: dict[Hashable, int] = {}
    rows = [numbers.setdefault(group, len(numbers)) for group in groups]
    return np.bincount(rows, errors), np.bincount(rows, words)


def _draw(
    errors: np.ndarray, words: np.ndarray, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """Return rate and standard error of each bootstrap draw, both (_DRAWS,)."""
    rng, count = np.random.default_rng(seed), len(errors)
    rows = max(1, min(_DRAWS, _CHUNK // count))
    parts = []
    for start in range(0, _DRAWS, rows):
        amount = min(rows, _DRAWS - start)
        drawn = rng.integers(0, count, (amount, count))
        drawn += count * np.arange(amount)[:, None]
        weights = np.bincount(drawn.ravel(), minlength=amount * count)
        parts.append(_rates(errors, words, weights.reshape(amount, count)))
    rates, spreads = np.concatenate(parts, axis=1)
    return rates, spreads


def _rates(errors: np.ndarray, words: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Return ratios of weighted sums and their standard errors by the delta method."""
    columns = [errors, words, errors**2, errors * words, words**2]
    moments = (weights @ np.stack(columns, axis=1)).T
    total_words = np.maximum(moments[1], 1)
    rate = moments[0] / total_words
    variance = moments[2] - 2 * rate * moments[3] + rate**2 * moments[4]
    variance = np.maximum(variance, 0) * len(errors) / max(len(errors) - 1, 1)
    return np.stack([rate, np.sqrt(variance) / total_words])
