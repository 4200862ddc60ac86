"""Evaluation of a model that restores case and punctuation."""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from asr.errors import DataError
from asr.inference.restorer import Restorer
from asr.metrics.restoration import RestorationScore
from asr.text.written import MARKS, heard

_NAMES = {
    ".": "full stop",
    ",": "comma",
    "?": "question mark",
    "!": "exclamation mark",
    ";": "semicolon",
    ":": "colon",
}


@dataclass(frozen=True)
class RestorationEvaluation:
    """Scores of a restorer on written texts.

    Attributes:
        score: Counts of marks and capitals.
        seconds: Seconds of work, without the start of the model.
    """

    score: RestorationScore
    seconds: float

    @property
    def _marks(self) -> dict[str, float]:
        used = [mark for mark in MARKS if self.score.wanted[mark]]
        return {_NAMES[mark]: self.score.f1([mark]) for mark in used if mark}

    def to_json(self) -> dict[str, Any]:
        """Return all scores as JSON data."""
        return {
            "marks_f1": {name: round(f1, 4) for name, f1 in self._marks.items()},
            "all_marks_f1": round(self.score.marks, 4),
            "capitals_f1": round(self.score.capitals, 4),
            "words": self.score.words,
            "seconds": round(self.seconds, 3),
        }

    def summary(self) -> str:
        """Return all scores as text."""
        marks = "  ".join(f"{name} {f1:.3f}" for name, f1 in self._marks.items())
        return (
            f"F1  {marks}\n"
            f"F1  all marks {self.score.marks:.3f}  "
            f"words with capitals {self.score.capitals:.3f}\n"
            f"{self.score.words} words, "
            f"{self.score.words / max(self.seconds, 1e-9):,.0f} a second"
        )


def evaluate_restorer(
    restorer: Restorer, texts: Iterable[str]
) -> RestorationEvaluation:
    """Take case and punctuation away from texts, restore them, and compare.

    Args:
        restorer: The model.
        texts: Written texts; each is restored by itself.

    Raises:
        DataError: The texts have no words.
    """
    score, seconds = RestorationScore(), 0.0
    for text in texts:
        words = heard(text)
        if not words:
            continue
        started = time.perf_counter()
        bare = " ".join(word.upper() for word, _ in words)
        restored = restorer.restore(bare, numbers=False)
        seconds += time.perf_counter() - started
        score.add_text(" ".join(word + mark for word, mark in words), restored)
    if not score.words:
        raise DataError("no words to evaluate on")
    return RestorationEvaluation(score, seconds)
