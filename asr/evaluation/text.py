"""A model's scores on texts with known results."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from asr.config.schema import DecodingConfig
from asr.data.pairs import Pair, references
from asr.errors import DataError
from asr.inference.generator import BATCH_TOKENS, TextGenerator
from asr.metrics.bleu_rouge import Bleu, Rouge, bleu, rouge


@dataclass(frozen=True)
class TextResult:
    """One source, with what it should and did become.

    Attributes:
        source: The text that was read.
        references: What it should become, one or several.
        hypothesis: What the model wrote.
    """

    source: str
    references: tuple[str, ...]
    hypothesis: str

    def to_json(self) -> dict[str, Any]:
        """Return it as plain data."""
        return {
            "source": self.source,
            "target": list(self.references),
            "pred_text": self.hypothesis,
        }


@dataclass(frozen=True)
class TextEvaluation:
    """What a model scores on pairs of texts.

    Attributes:
        bleu: BLEU and chrF.
        rouge: ROUGE.
        seconds: Seconds of work, compilation not included.
        left_out: Sources of which the model did not read the end.
        results: One for each source, in their order.
    """

    bleu: Bleu
    rouge: Rouge
    seconds: float
    left_out: int
    results: tuple[TextResult, ...]

    def to_json(self) -> dict[str, Any]:
        """Return all figures as plain data."""
        return {
            **self.bleu.to_json(),
            **self.rouge.to_json(),
            "seconds": round(self.seconds, 3),
            "left_out": self.left_out,
        }

    def summary(self) -> str:
        """Return the figures for people."""
        rate = len(self.results) / max(self.seconds, 1e-9)
        text = f"{self.bleu.summary()}\n{self.rouge.summary()}\n{rate:.1f} texts/s"
        if self.left_out:
            text += f"\n{self.left_out} sources are longer than the model reads"
        return text


def evaluate_texts(
    generator: TextGenerator,
    pairs: Sequence[Pair],
    *,
    lowercase: bool = False,
    decoding: DecodingConfig | None = None,
    batch_tokens: int = BATCH_TOKENS,
) -> TextEvaluation:
    """Let a model write, and compare with what pairs say.

    Pairs with the same source are references of it, which is read once.

    Args:
        generator: The model.
        pairs: Sources and references.
        lowercase: Whether BLEU and chrF ignore case; ROUGE always does.
        decoding: How to search; the model's own choice if not given.
        batch_tokens: Padded source tokens read at once.

    Raises:
        DataError: There are no pairs.
    """
    if not pairs:
        raise DataError("no pairs to evaluate on")
    grouped = references(pairs)
    for some in (1, 2):  # two shapes teach TensorFlow that shapes vary
        list(generator.generate_many([pairs[0].source] * some, decoding=decoding))
    started = time.perf_counter()
    found = list(
        generator.generate_many(grouped, batch_tokens=batch_tokens, decoding=decoding)
    )
    seconds = time.perf_counter() - started
    hypotheses = [generation.text for generation in found]
    rows = list(grouped.values())
    return TextEvaluation(
        bleu=bleu(rows, hypotheses, lowercase=lowercase),
        rouge=rouge(rows, hypotheses),
        seconds=seconds,
        left_out=sum(generation.left_out > 0 for generation in found),
        results=tuple(
            TextResult(source, tuple(row), text)
            for (source, row), text in zip(grouped.items(), hypotheses, strict=True)
        ),
    )
