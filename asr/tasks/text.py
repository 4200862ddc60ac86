"""What tasks from text to text have in common."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from asr.config.schema import SourceConfig
from asr.corpora.text import text_corpus
from asr.data.pairs import Pair, read_pairs, write_pairs
from asr.errors import DataError
from asr.model.token_embedding import TokenEmbedding
from asr.tasks.base import WritesText

log = logging.getLogger(__name__)


class TextTask(WritesText):
    """Reads texts and writes texts, with one tokenizer for both sides.

    `model.text.longest` bounds what is read.
    """

    @staticmethod
    def prepare(source: SourceConfig, root: Path) -> Sequence[Pair]:
        """Return the pairs of a part of a corpus below a folder.

        Raises:
            DataError: There are none, or a file is malformed.
        """
        read = text_corpus(source.corpus)
        pairs = list(read(root / source.path, source.subset))
        if not pairs:
            raise DataError(f"{root / source.path}: no pairs in {source.subset}")
        log.info("%s %s: %d pairs", source.path, source.subset, len(pairs))
        return pairs

    @staticmethod
    def read(path: Path) -> Iterable[Pair]:
        """Read a file of pairs."""
        return read_pairs(path)

    @staticmethod
    def write(path: Path, records: Iterable[Pair]) -> None:
        """Write a file of pairs."""
        write_pairs(path, records)

    @staticmethod
    def texts(record: Pair) -> Sequence[str]:
        """Return both sides, which share a tokenizer."""
        return record.source, record.text

    @property
    def rate(self) -> int:
        """Lengths are counted in tokens."""
        return 1

    @property
    def unit(self) -> str:
        """See `rate`."""
        return "tokens"

    @property
    def monotonic(self) -> bool:
        """Texts may begin with what their source ends with."""
        return False

    def facts(self, lengths: Sequence[float]) -> dict[str, Any]:
        """Return the number of pairs and of the source tokens read."""
        return {"pairs": len(lengths), "source_tokens": round(sum(lengths))}

    def frontend(self) -> TokenEmbedding:
        """Return the embedding of source tokens."""
        return TokenEmbedding(self.model.text, self.vocabulary, name="frontend")

    def length(self, record: Pair) -> float:
        """Return the number of source tokens that are read."""
        return float(len(self.encode_source(record)))

    def source_tokens(self, text: str) -> list[int]:
        """Return all tokens of a source, closed by the end symbol, however many."""
        return [*self.tokenizer.encode(self.normalize(text)), self.end]

    def encode_source(self, record: Pair) -> np.ndarray:
        """Return the tokens of a source as far as the model reads, (N,) int32."""
        tokens = self.source_tokens(record.source)[: self.model.text.longest]
        return np.array(tokens, dtype="int32")
