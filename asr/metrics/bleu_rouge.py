"""BLEU, chrF and ROUGE scores of translations and summaries.

sacreBLEU and rouge-score compute them, so scores compare with published ones. A
hypothesis may have several references.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from itertools import zip_longest
from typing import Any

from asr.errors import UsageError
from asr.metrics.alignment import check_lengths


@dataclass(frozen=True)
class Bleu:
    """Scores of translations, by sacreBLEU.

    Attributes:
        bleu: Corpus BLEU, 0 to 100.
        chrf: Corpus chrF2, 0 to 100.
        signature: Settings of both metrics; report it with the scores.
        sentences: Number of hypotheses.
    """

    bleu: float
    chrf: float
    signature: str
    sentences: int

    def to_json(self) -> dict[str, Any]:
        """Return all scores as JSON data."""
        return asdict(self)

    def summary(self) -> str:
        """Return the scores on two lines."""
        return (
            f"BLEU {self.bleu:.2f}, chrF {self.chrf:.2f} ({self.sentences} sentences)\n"
            f"signature {self.signature}"
        )


@dataclass(frozen=True)
class Rouge:
    """Scores of summaries, by rouge-score: mean F1 over texts, 0 to 1, stemmed.

    Attributes:
        rouge1: Overlap of words.
        rouge2: Overlap of word bigrams.
        rougeL: Longest common subsequence of words.
        sentences: Number of hypotheses.
    """

    rouge1: float
    rouge2: float
    rougeL: float  # noqa: N815 - its name everywhere
    sentences: int

    def to_json(self) -> dict[str, Any]:
        """Return all scores as JSON data."""
        return asdict(self)

    def summary(self) -> str:
        """Return the scores in percent on one line."""
        return (
            f"ROUGE-1 {100 * self.rouge1:.2f}, ROUGE-2 {100 * self.rouge2:.2f}, "
            f"ROUGE-L {100 * self.rougeL:.2f} "
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
        references: A reference, or a list of references, for each hypothesis.
        hypotheses: Translations.
        lowercase: Ignore case.

    Raises:
        UsageError: There are no hypotheses, or one has no reference.

    Reference:
        M. Post, A call for clarity in reporting BLEU scores, WMT 2018; M. Popović,
        chrF, WMT 2015.
    """
    # A slow import, which other metrics do not need.
    from sacrebleu.metrics import BLEU, CHRF  # noqa: PLC0415

    rows = _rows(references, hypotheses)
    # sacreBLEU takes the first references of all texts, then the second ones, ...
    streams = list(map(list, zip_longest(*rows)))
    words, letters = BLEU(lowercase=lowercase), CHRF(lowercase=lowercase)
    one, other = (m.corpus_score(hypotheses, streams).score for m in (words, letters))
    signature = f"BLEU|{words.get_signature()} chrF2|{letters.get_signature()}"
    return Bleu(one, other, signature, len(hypotheses))


def rouge(
    references: Sequence[str | Sequence[str]], hypotheses: Sequence[str]
) -> Rouge:
    """Score summaries by ROUGE-1, ROUGE-2 and ROUGE-L, F1 with Porter's stemmer.

    Args:
        references: A reference, or a list of references, for each hypothesis. The best
            reference counts.
        hypotheses: Summaries.

    Raises:
        UsageError: There are no hypotheses, or one has no reference.

    Reference:
        C.-Y. Lin, ROUGE, ACL workshop on text summarization 2004.
    """
    from rouge_score.rouge_scorer import RougeScorer  # noqa: PLC0415 - see `bleu`

    rows = _rows(references, hypotheses)
    kinds = ("rouge1", "rouge2", "rougeL")
    scorer = RougeScorer(kinds, use_stemmer=True)
    scores = list(map(scorer.score_multi, rows, hypotheses))
    one, two, longest = (
        sum(x[kind].fmeasure for x in scores) / len(scores) for kind in kinds
    )
    return Rouge(one, two, longest, len(scores))


SCORERS: dict[str, Callable[..., Bleu | Rouge]] = {"bleu": bleu, "rouge": rouge}
"""Name -> function of references and hypotheses."""


def _rows(
    references: Sequence[str | Sequence[str]], hypotheses: Sequence[str]
) -> list[list[str]]:
    """Return the references of each hypothesis, at least one."""
    check_lengths(references, hypotheses)
    if not hypotheses:
        raise UsageError("there are no texts to score")
    if not all(isinstance(row, str) or row for row in references):
        raise UsageError("a hypothesis has no reference; give one or more")
    return [[row] if isinstance(row, str) else list(row) for row in references]
