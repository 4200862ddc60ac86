"""Summarisation: a text -> a headline or title for it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from asr.metrics.bleu_rouge import rouge
from asr.tasks.text import TextTask


class Summarization(TextTask):
    """Writes what a text is about; scored by ROUGE."""

    def metrics(
        self, references: Sequence[str], hypotheses: Sequence[str]
    ) -> dict[str, Any]:
        """Return ROUGE-1, ROUGE-2 and ROUGE-L (0-1) against normalised references."""
        found = rouge([self.normalize(text) for text in references], hypotheses)
        return {
            "rouge1": found.rouge1,
            "rouge2": found.rouge2,
            "rougeL": found.rougeL,
        }

    def cost(self, scores: Mapping[str, float]) -> float:
        """Return the negative of the mean of the three."""
        return -(scores["rouge1"] + scores["rouge2"] + scores["rougeL"]) / 3
