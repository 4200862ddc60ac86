"""Task from the letters of a word to its phones (grapheme-to-phoneme conversion)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from asr.data.pairs import Pair
from asr.tasks.text import TextTask


def spelled(word: str) -> str:
    """Return the letters of a word with spaces between them."""
    return " ".join("".join(word.split()))


class Pronunciation(TextTask):
    """Pronounces words; needs `data.tokenizer: symbols`.

    A source is a word, a target the names of its phones, such as `K AE T`.

    Reference:
        S. Toshniwal, K. Livescu, Jointly Learning to Align and Convert Graphemes to
        Phonemes with Neural Attention Models, SLT 2016.
    """

    monotonic = True

    @staticmethod
    def texts(record: Pair, normalize: Callable[[str], str]) -> Sequence[str]:
        """Return the letters of the word and its phones."""
        return spelled(normalize(record.source)), normalize(record.text)

    def source_tokens(self, text: str) -> list[int]:
        """Return the letters of a word with the end symbol, not truncated."""
        return [*self.tokenizer.encode(spelled(self.normalize(text))), self.end]

    def metrics(
        self, references: Sequence[str], hypotheses: Sequence[str]
    ) -> dict[str, Any]:
        """Return phone and word error rates against one pronunciation of each word."""
        from asr.metrics.phones import score_phones  # noqa: PLC0415 - starts jiwer

        score = score_phones(
            [[self.normalize(text)] for text in references], hypotheses
        )
        return {"per": score.per, "wer": score.wer}

    def cost(self, scores: Mapping[str, float]) -> float:
        """Return the word error rate."""
        return scores["wer"]
