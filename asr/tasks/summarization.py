"""Summarisation: text -> headline or title."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from asr.metrics.bleu_rouge import rouge
from asr.tasks.text import TextTask


class Summarization(TextTask):
    """Writes headlines; scored by ROUGE."""

    def metrics(
        self, references: Sequence[str], hypotheses: Sequence[str]
    ) -> dict[str, Any]:
        """Return ROUGE-1, ROUGE-2 and ROUGE-L (0-1) against normalised references."""
        scores = rouge([self.normalize(text) for text in references], hypotheses)
        return {
            "rouge1": scores.rouge1,
            "rouge2": scores.rouge2,
            "rougeL": scores.rougeL,
        }

    def cost(self, scores: Mapping[str, float]) -> float:
        """Return the negative mean of the three ROUGE scores."""
        return -(scores["rouge1"] + scores["rouge2"] + scores["rougeL"]) / 3
