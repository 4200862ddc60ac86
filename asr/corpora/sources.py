"""Texts of the data sources of a recipe."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from asr.config.schema import LINES, SourceConfig
from asr.corpora import corpus
from asr.corpora.text import TEXT_CORPORA
from asr.data.text_files import text_lines
from asr.files import data_directory


def read_texts(sources: Sequence[SourceConfig]) -> Iterator[str]:
    """Yield the texts of sources: lines, targets of pairs, or transcripts.

    Args:
        sources: Data sources; the corpus `lines` is a text file.

    Raises:
        DataError: A source cannot be read.
    """
    for source in sources:
        texts = list(_read(data_directory() / source.path, source))
        yield from texts[: source.limit or None] * source.repeat


def _read(path: Path, source: SourceConfig) -> Iterator[str]:
    if source.corpus == LINES:
        yield from (line for _, line in text_lines(path))
    elif source.corpus in TEXT_CORPORA:
        for pair in TEXT_CORPORA[source.corpus](path, source.subset):
            yield pair.text
    else:
        for utterance in corpus(source.corpus).read(path, source.subset):
            if utterance.text:
                yield utterance.text
