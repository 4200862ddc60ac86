"""Classification: recording -> one label of the training data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from asr.tasks.speech_recognition import SpeechRecognition


class Classification(SpeechRecognition):
    """Assigns a label to a recording; needs `data.tokenizer: labels`."""

    monotonic = False

    def metrics(
        self, references: Sequence[str], hypotheses: Sequence[str]
    ) -> dict[str, Any]:
        """Return the share of correct labels."""
        pairs = zip(references, hypotheses, strict=True)
        correct = sum(self.normalize(label) == predicted for label, predicted in pairs)
        return {"accuracy": correct / len(references)}

    def cost(self, scores: Mapping[str, float]) -> float:
        """Return the share of wrong labels."""
        return 1.0 - scores["accuracy"]
