"""Scores of translations and summaries: BLEU, chrF and ROUGE.

The arithmetic is that of sacreBLEU and rouge-score, so that figures can be compared
with published ones. A hypothesis may have several references.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from asr.errors import UsageError


@dataclass(frozen=True)
class Bleu:
    """What sacreBLEU says of translations.

    Attributes:
        bleu: Corpus BLEU, 0 to 100.
        chrf: Corpus chrF2, 0 to 100.
        signature: How both were computed; to be named beside them.
        sentences: Number of hypotheses.
    """

    bleu: float
    chrf: float
    signature: str
    sentences: int

    def to_json(self) -> dict[str, Any]:
        """Return all figures as plain data."""
        return asdict(self)

    def summary(self) -> str:
        """Return the figures on two lines."""
        return (
            f"BLEU {self.bleu:.2f}, chrF {self.chrf:.2f} ({self.sentences} sentences)\n"
            f"signature {self.signature}"
        )


@dataclass(frozen=True)
class Rouge:
    """What rouge-score says of summaries: means of F1 over texts, 0 to 1, stemmed.

    Attributes:
        rouge1: Shared words.
        rouge2: Shared pairs of words.
        rougeL: Longest common subsequence of words.
        sentences: Number of hypotheses.
    """

    rouge1: float
    rouge2: float
    rougeL: float  # noqa: N815 - its name everywhere
    sentences: int

    def to_json(self) -> dict[str, Any]:
        """Return all figures as plain data."""
        return asdict(self)

    def summary(self) -> str:
        """Return the figures in percent on one line."""
        figures = (100 * self.rouge1, 100 * self.rouge2, 100 * self.rougeL)
        one, two, longest = (f"{figure:.2f}" for figure in figures)
        return (
            f"ROUGE-1 {one}, ROUGE-2 {two}, ROUGE-L {longest} "
            f"(F1 in percent, {self.sentences} texts)"
        )


def bleu(
    references: Sequence[str | Sequence[str]],
    hypotheses: Sequence[str],
    *,
    lowercase: bool = False,
) -> Bleu:
    """Score translations by corpus BLEU (13a tokenisation) and chrF2.

    Args:
        references: One for each hypothesis, or a list of several.
        hypotheses: Translations.
        lowercase: Whether case is ignored.

    Raises:
        UsageError: There is nothing to score, or a hypothesis has no reference.

    Reference:
        M. Post, A call for clarity in reporting BLEU scores, WMT 2018; M. Popović,
        chrF, WMT 2015.
    """
    # Imported here: it takes longer than all of `asr score` without it.
    from sacrebleu.metrics import BLEU, CHRF  # noqa: PLC0415

    rows = _rows(references, hypotheses)
    most = max(map(len, rows))
    streams = [
        [row[place] if place < len(row) else None for row in rows]
        for place in range(most)
    ]
    found, signatures = [], []
    for metric in (BLEU(lowercase=lowercase), CHRF(lowercase=lowercase)):
        found.append(metric.corpus_score(list(hypotheses), streams).score)
        name = "BLEU" if isinstance(metric, BLEU) else "chrF2"
        signatures.append(f"{name}|{metric.get_signature()}")
    return Bleu(found[0], found[1], " ".join(signatures), len(hypotheses))


def rouge(
    references: Sequence[str | Sequence[str]], hypotheses: Sequence[str]
) -> Rouge:
    """Score summaries by ROUGE-1, ROUGE-2 and ROUGE-L, F1 with Porter's stemmer.

    Args:
        references: One for each hypothesis, or a list of several, the best of which
            counts.
        hypotheses: Summaries.

    Raises:
        UsageError: There is nothing to score, or a hypothesis has no reference.

    Reference:
        C.-Y. Lin, ROUGE, ACL workshop on text summarization 2004.
    """
    from rouge_score.rouge_scorer import RougeScorer  # noqa: PLC0415 - see `bleu`

    rows = _rows(references, hypotheses)
    kinds = ("rouge1", "rouge2", "rougeL")
    scorer = RougeScorer(kinds, use_stemmer=True)
    totals = dict.fromkeys(kinds, 0.0)
    for row, hypothesis in zip(rows, hypotheses, strict=True):
        best = scorer.score_multi(row, hypothesis)
        for kind in kinds:
            totals[kind] += best[kind].fmeasure
    count = len(hypotheses)
    one, two, longest = (totals[kind] / count for kind in kinds)
    return Rouge(one, two, longest, count)


SCORERS: dict[str, Callable[..., Bleu | Rouge]] = {"bleu": bleu, "rouge": rouge}
"""Name -> function of references and hypotheses; results have to_json and summary."""


def _rows(
    references: Sequence[str | Sequence[str]], hypotheses: Sequence[str]
) -> list[list[str]]:
    """Return the references of each hypothesis, at least one."""
    if len(references) != len(hypotheses):
        raise UsageError(
            f"{len(references)} references but {len(hypotheses)} hypotheses; they are "
            "compared one by one"
        )
    if not hypotheses:
        raise UsageError("nothing to score: there are no texts")
    if not all(isinstance(row, str) or row for row in references):
        raise UsageError("a hypothesis has no reference; each needs one or more")
    return [[row] if isinstance(row, str) else list(row) for row in references]
