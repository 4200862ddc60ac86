"""Evaluation of a model on texts with references."""

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
from asr.metrics.phones import PhoneScore, score_phones
from asr.tasks import TASKS
from asr.tasks.pronunciation import Pronunciation


@dataclass(frozen=True)
class TextResult:
    """Result of one source text.

    Attributes:
        source: Source text.
        references: One or more references.
        hypothesis: Output of the model.
    """

    source: str
    references: tuple[str, ...]
    hypothesis: str

    def to_json(self) -> dict[str, Any]:
        """Return the result as JSON data."""
        return {
            "source": self.source,
            "target": list(self.references),
            "pred_text": self.hypothesis,
        }


@dataclass(frozen=True)
class TextEvaluation:
    """Scores of a model on pairs of texts.

    Attributes:
        bleu: BLEU and chrF; None for pronunciations.
        rouge: ROUGE; None for pronunciations.
        phones: Error rates of pronunciations; None for other texts.
        own: Metrics of a task of another package, with the first references.
        seconds: Seconds of work, without the start of the model.
        left_out: Number of sources that were truncated.
        results: Result of each source, in order.
    """

    bleu: Bleu | None
    rouge: Rouge | None
    phones: PhoneScore | None
    own: dict[str, float]
    seconds: float
    left_out: int
    results: tuple[TextResult, ...]

    @property
    def _scores(self) -> list[Bleu | Rouge | PhoneScore]:
        return [score for score in (self.bleu, self.rouge, self.phones) if score]

    def to_json(self) -> dict[str, Any]:
        """Return all scores as JSON data."""
        scores = [score.to_json() for score in self._scores]
        return {
            **{name: value for score in scores for name, value in score.items()},
            **self.own,
            "seconds": round(self.seconds, 3),
            "left_out": self.left_out,
        }

    def summary(self) -> str:
        """Return all scores as text."""
        rate = len(self.results) / max(self.seconds, 1e-9)
        lines = [score.summary() for score in self._scores]
        lines += [f"{name} {value:.4f}" for name, value in self.own.items()]
        lines.append(f"{rate:.1f} texts/s")
        if self.left_out:
            lines.append(f"{self.left_out} sources are longer than the model reads")
        return "\n".join(lines)


def evaluate_texts(
    generator: TextGenerator,
    pairs: Sequence[Pair],
    *,
    lowercase: bool = False,
    decoding: DecodingConfig | None = None,
    batch_tokens: int = BATCH_TOKENS,
) -> TextEvaluation:
    """Generate the output of source texts and score it against references.

    Pairs with the same source are references of one output.

    Args:
        generator: The model.
        pairs: Sources and references.
        lowercase: Ignore case in BLEU and chrF; ROUGE always does.
        decoding: Decoding options; by default those of the model.
        batch_tokens: Padded source tokens in a batch.

    Raises:
        DataError: There are no pairs.
    """
    if not pairs:
        raise DataError("no pairs to evaluate on")
    grouped = references(pairs)
    generator.generate(pairs[0].source, decoding=decoding)  # builds the decoder
    started = time.perf_counter()
    generations = list(
        generator.generate_many(grouped, batch_tokens=batch_tokens, decoding=decoding)
    )
    seconds = time.perf_counter() - started
    texts = [generation.text for generation in generations]
    rows = list(grouped.values())
    results = map(TextResult, grouped, map(tuple, rows), texts)
    task = generator.task
    pronounces = isinstance(task, Pronunciation)
    own = {}
    if type(task) not in TASKS.values():
        own = task.metrics([row[0] for row in rows], texts)
    return TextEvaluation(
        bleu=None if pronounces else bleu(rows, texts, lowercase=lowercase),
        rouge=None if pronounces else rouge(rows, texts),
        phones=score_phones(rows, texts) if pronounces else None,
        own=own,
        seconds=seconds,
        left_out=sum(generation.left_out > 0 for generation in generations),
        results=tuple(results),
    )
