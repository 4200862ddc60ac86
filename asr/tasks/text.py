"""Tasks from text to text: translation and summarisation."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from asr.config.schema import SourceConfig
from asr.data.pairs import Pair, read_pairs, write_pairs
from asr.errors import DataError
from asr.tasks.base import Task

log = logging.getLogger(__name__)

_ROUGE = ("rouge1", "rouge2", "rougeL")


class TextTask(Task):
    """Base of such tasks, with one tokenizer for source and target.

    `model.text.longest` limits the length of sources.
    """

    modality = "text"
    unit = "tokens"
    monotonic = False
    rate = 1  # lengths are counted in tokens
    read, write = staticmethod(read_pairs), staticmethod(write_pairs)

    @staticmethod
    def read_source(source: SourceConfig, root: Path) -> Iterator[Pair]:
        """Yield all pairs of a subset of a corpus below a folder."""
        from asr.corpora.text import text_corpus  # noqa: PLC0415 - translating needs none

        return text_corpus(source.corpus)(root / source.path, source.subset)

    @classmethod
    def prepare(cls, source: SourceConfig, root: Path) -> Sequence[Pair]:
        """Return the pairs of a subset of a corpus below a folder.

        Raises:
            DataError: The subset is empty, or a file is malformed.
        """
        pairs = list(cls.read_source(source, root))
        if not pairs:
            raise DataError(f"{root / source.path}: no pairs in {source.subset}")
        log.info("%s %s: %d pairs", source.path, source.subset, len(pairs))
        return pairs

    @staticmethod
    def texts(record: Pair, normalize: Callable[[str], str]) -> Sequence[str]:
        """Return both texts of a pair, normalised."""
        return normalize(record.source), normalize(record.text)

    def facts(self, lengths: Sequence[float]) -> dict[str, Any]:
        """Return the number of pairs and of source tokens."""
        return {"pairs": len(lengths), "source_tokens": round(sum(lengths))}

    def length(self, record: Pair) -> float:
        """Return the number of source tokens, after truncation."""
        return float(len(self.encode_source(record)))

    def source_tokens(self, text: str) -> list[int]:
        """Return the tokens of a source with the end symbol, not truncated."""
        return [*self.tokenizer.encode(self.normalize(text)), self.end]

    def encode_source(self, record: Pair) -> np.ndarray:
        """Return the source tokens, cut to `model.text.longest`, (N,) int32."""
        tokens = self.source_tokens(record.source)[: self.model.text.longest]
        return np.array(tokens, dtype="int32")


def words_of(text: str) -> set[str]:
    """Return the words of a text in lower case: letters without a break."""
    return set(re.findall(r"[^\W\d_]+", text.lower()))


class Translation(TextTask):
    """Translates sentences; scored by BLEU and chrF."""

    def target_words(self, records: Iterable[Pair]) -> str:
        """Return the words of the targets, where the model may copy others.

        Other models build words from subwords, such as compounds, or write none at all
        between spaces.
        """
        if not self.model.decoder.copy:
            return ""
        found = set[str]().union(*(words_of(self.normalize(it.text)) for it in records))
        return " ".join(sorted(found))

    def metrics(
        self, references: Sequence[str], hypotheses: Sequence[str]
    ) -> dict[str, Any]:
        """Return BLEU and chrF (0-100) against normalised references."""
        from asr.metrics.bleu_rouge import bleu  # noqa: PLC0415 - translating needs none

        scores = bleu([self.normalize(text) for text in references], hypotheses)
        return {"bleu": scores.bleu, "chrf": scores.chrf}

    def cost(self, scores: Mapping[str, float]) -> float:
        """Return the negative BLEU score."""
        return -scores["bleu"]


class Summarization(TextTask):
    """Writes headlines; scored by ROUGE."""

    def metrics(
        self, references: Sequence[str], hypotheses: Sequence[str]
    ) -> dict[str, Any]:
        """Return ROUGE-1, ROUGE-2 and ROUGE-L (0-1) against normalised references."""
        from asr.metrics.bleu_rouge import rouge  # noqa: PLC0415 - as above

        scores = rouge([self.normalize(text) for text in references], hypotheses)
        return {name: getattr(scores, name) for name in _ROUGE}

    def cost(self, scores: Mapping[str, float]) -> float:
        """Return the negative mean of the three ROUGE scores."""
        return -sum(scores[name] for name in _ROUGE) / 3
