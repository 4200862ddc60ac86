"""What pauses between words tell of the marks there, by Bayes' rule.

A text model gives the probability of a mark from the words, and `_SHARES` gives that of
a pause from the mark. Their product, normalised, takes both into account. The network
itself cannot learn from pauses, because training texts have none.
`recipes/restore_pauses.py` counts the shares.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from asr.text.written import CASES, MARKS, SENTENCE_ENDS

EDGES = (0.02, 0.1, 0.2, 0.3, 0.45, 0.6, 0.8)
"""Seconds at which the classes of pauses meet."""

GROUPS = ("", ",", ";:", ".?!")
"""Marks behind which pauses are alike."""

GROUP_OF = {
    mark: next(i for i, group in enumerate(GROUPS) if mark in group) for mark in MARKS
}
"""Mark -> index of its group."""

_SHARES = np.array(
    [
        [67.0, 20.0, 4.1, 5.5],
        [18.0, 13.0, 5.8, 3.8],
        [6.8, 18.0, 9.1, 7.9],
        [3.0, 19.0, 16.0, 10.0],
        [2.4, 19.0, 31.0, 16.0],
        [0.98, 5.8, 12.0, 18.0],
        [0.86, 3.8, 12.0, 17.0],
        [0.88, 1.1, 9.9, 22.6],
    ]
)
"""Share of each class of pauses among those of each of `GROUPS`, in %."""

_COLUMNS = [GROUP_OF[mark] for mark in MARKS]
_ENDS = [MARKS.index(mark) for mark in SENTENCE_ENDS]
_LOWER, _TITLE = CASES.index("lower"), CASES.index("title")
_DOUBT = 0.05  # behind a sure full stop, a capital says little about names


def weigh(probabilities: np.ndarray, pauses: Sequence[float | None]) -> np.ndarray:
    """Weigh probabilities of marks by the pauses behind the words.

    If a full stop becomes less likely, so does the capital behind it.

    Args:
        probabilities: Of cases and `MARKS` of neighbouring words, (n, C, M).
        pauses: Pause behind each word in seconds, or None where it is not known.

    Returns:
        (n, C, M); the sum over cases and marks is 1 for each word.
    """
    seconds = np.array(pauses, float)  # None becomes NaN
    known = np.flatnonzero(~np.isnan(seconds))
    classes = np.searchsorted(EDGES, seconds[known], side="right")
    weighed = probabilities.copy()
    weighed[known] *= _SHARES[classes][:, None, _COLUMNS]
    weighed /= weighed.sum(axis=(1, 2), keepdims=True)
    cased = known[known + 1 < len(weighed)] + 1
    # With e the probability that a sentence ended before, and n that of a word in
    # lower case inside a sentence: lower = (1 - e) n, and title takes the rest.
    before, after = (
        it[:, :, _ENDS].sum(axis=(1, 2))[cased - 1] for it in (probabilities, weighed)
    )
    lower, title = (
        probabilities[cased, case].sum(axis=-1) for case in (_LOWER, _TITLE)
    )
    inside = (lower + _DOUBT) / (1 - before + _DOUBT)
    share = np.clip((1 - after) * inside / (lower + title + 1e-30), 0, 1)[:, None]
    both = weighed[cased, _LOWER] + weighed[cased, _TITLE]
    weighed[cased, _LOWER], weighed[cased, _TITLE] = share * both, (1 - share) * both
    return weighed
