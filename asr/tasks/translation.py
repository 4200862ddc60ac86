"""Translation: sentence -> sentence in another language."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from asr.metrics.bleu_rouge import bleu
from asr.tasks.text import TextTask


class Translation(TextTask):
    """Translates sentences; scored by BLEU and chrF."""

    def metrics(
        self, references: Sequence[str], hypotheses: Sequence[str]
    ) -> dict[str, Any]:
        """Return BLEU and chrF (0-100) against normalised references."""
        scores = bleu([self.normalize(text) for text in references], hypotheses)
        return {"bleu": scores.bleu, "chrf": scores.chrf}

    def cost(self, scores: Mapping[str, float]) -> float:
        """Return the negative BLEU score."""
        return -scores["bleu"]
