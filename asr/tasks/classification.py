"""Classification: a recording -> one of the labels that training had."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from asr.tasks.speech_recognition import SpeechRecognition


class Classification(SpeechRecognition):
    """Names what is said in a recording; `data.tokenizer` is `labels`."""

    @property
    def monotonic(self) -> bool:
        """There is one look, which goes nowhere."""
        return False

    def metrics(
        self, references: Sequence[str], hypotheses: Sequence[str]
    ) -> dict[str, Any]:
        """Return the share of right labels."""
        pairs = zip(references, hypotheses, strict=True)
        right = sum(self.normalize(label) == found for label, found in pairs)
        return {"accuracy": right / len(references)}

    def cost(self, scores: Mapping[str, float]) -> float:
        """Return the share of wrong labels."""
        return 1.0 - scores["accuracy"]
